// Owns the shape of upstreams, the providers elsewhere that people may sign in with: what callers hand in and get.
import { z } from 'zod'
import { shownText } from '../../kernel/shown-text.ts'
import { isLoopback } from '../clients/redirects.ts'

/** Without the secret, which leaves only towards its own provider. */
export type Upstream = {
  id: string
  name: string
  issuer: string
  clientId: string
  hasSecret: boolean
  scopes: string[]
  enabled: boolean
  /** An address that it calls verified counts as proved here. */
  trustsEmail: boolean
  createdAt: Date
  updatedAt: Date
}

const name = shownText(100)

// OIDC Discovery 1.0 §3: no query, no fragment. The text is kept as it is, since `iss` is compared with it letter by letter.
const issuer = z
  .string()
  .max(500)
  .refine(isIssuer, 'must be an https address without query and fragment, or an http one on loopback')

// RFC 6749 §3.3: scope-token.
const scope = z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/, 'must be one scope')
const scopes = z
  .array(scope)
  .max(20)
  .refine((all) => new Set(all).size === all.length, 'must not name the same scope twice')
  .refine((all) => all.includes('openid'), 'must contain openid')

// RFC 6749 Appendix A: VSCHAR.
const visible = z.string().regex(/^[\x20-\x7e]+$/, 'must be visible ASCII characters')

const fields = {
  name,
  issuer,
  client_id: visible.max(255),
  client_secret: visible.max(512),
  scopes,
  enabled: z.boolean(),
  trust_email_verified: z.boolean(),
}

export const NewUpstream = z.strictObject({
  ...fields,
  client_secret: fields.client_secret.optional(),
  scopes: scopes.default(['openid', 'email', 'profile']),
  enabled: fields.enabled.default(true),
  trust_email_verified: fields.trust_email_verified.default(false),
})
export type NewUpstream = z.output<typeof NewUpstream>

/** What is absent stays; a secret that is null goes. */
export const ChangedUpstream = z.strictObject({
  ...z.object(fields).partial().shape,
  client_secret: fields.client_secret.nullable().optional(),
})
export type ChangedUpstream = z.output<typeof ChangedUpstream>

function isIssuer(text: string): boolean {
  const url = URL.parse(text)
  if (url?.username !== '' || url.password !== '' || /[?#]/.test(text)) return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))
}
