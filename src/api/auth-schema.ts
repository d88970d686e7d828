// Owns what the JSON door takes: the body of each of its requests. What the values must be beyond that is said by
// the services.
import { z } from 'zod'
import { ChangeAccount, CreateAccount } from '../features/accounts/schema.ts'
import { isKeepable } from '../oidc/parameters.ts'

const email = z.string().max(320)
const password = z.string().max(4096)
const code = z.string().max(2000)
const secret = z.string().min(1).max(2000)

/** RFC 8707 §2: an absolute URI without a fragment. */
const resource = z
  .string()
  .max(2048)
  .refine(
    (text) => isKeepable(text) && URL.canParse(text) && !text.includes('#'),
    'must be an absolute URI without a fragment',
  )

export const Register = z.strictObject({
  email,
  password,
  username: z.string().max(64).optional(),
  name: CreateAccount.shape.name,
  resource: resource.optional(),
})

export const Confirm = z.strictObject({ flow: secret, code })

export const Login = z
  .strictObject({
    email: email.optional(),
    username: z.string().max(320).optional(),
    password,
    resource: resource.optional(),
  })
  .refine(({ email, username }) => (email === undefined) !== (username === undefined), {
    path: ['email'],
    message: 'give either email or username',
  })

/** `{refresh_token}`, or the token alone as a JSON string. */
export const Refresh = z
  .union([z.string(), z.strictObject({ refresh_token: z.string() })], {
    error: 'give {"refresh_token": "…"}, or the token as a JSON string',
  })
  .transform((body) => (typeof body === 'string' ? body : body.refresh_token))

export const Logout = z.strictObject({ refresh_token: z.string().optional() })

const { profile, username, locale } = ChangeAccount.shape

/** Claims under their standard names, the user name (`preferred_username`) and the language; null takes one off. */
export const ChangeMe = z
  .strictObject({ ...profile.unwrap().shape, username, preferred_username: username, locale })
  .refine((body) => body.username === undefined || body.preferred_username === undefined, {
    path: ['preferred_username'],
    message: 'is the user name: give it once',
  })

export const ChangePassword = z.strictObject({ current_password: password, new_password: password })

export const Forgot = z.strictObject({ email })

const byCode = z.strictObject({ flow: secret, code, new_password: password })
const byToken = z.strictObject({ token: secret, new_password: password })
export const Reset = z.union([byCode, byToken], {
  error: 'give {"flow", "code", "new_password"} or {"token", "new_password"}',
})

export const StartPasswordless = z.strictObject({ email, method: z.enum(['link', 'code']) })

export const VerifyPasswordless = z.union(
  [z.strictObject({ flow: secret, code }), z.strictObject({ token: secret, email })],
  { error: 'give {"flow", "code"} or {"token", "email"}' },
)
