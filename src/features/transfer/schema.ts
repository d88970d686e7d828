// Owns the records that an installation is filled from and emptied into, one JSON object a line: docs/import.md.
import { z } from 'zod'
import { isId } from '../../kernel/secrets.ts'
import { shownText } from '../../kernel/shown-text.ts'
import { dateOf, fromSeconds } from '../../kernel/time.ts'
import { isKnownHash } from '../../platform/passwords.ts'
import { parseEmail } from '../accounts/email.ts'
import { isRoleName, Locale, Profile, parseUsername } from '../accounts/schema.ts'
import { ApiIdentifier, ApiScopes } from '../clients/api-schema.ts'
import { DetailTypes } from '../clients/authorization-details.ts'

const Id = z
  .string()
  .max(36)
  .transform((text) => text.toLowerCase())
  .refine(isId, 'must be a UUID')

/** RFC 3339. */
const Time = z.iso.datetime({ offset: true }).transform(dateOf).refine(isOfOurTimes, 'must lie in our times')

/** As OIDC Core §5.1 tells `updated_at`, in seconds, or as RFC 3339 writes it. */
const ClaimedTime = z.union([z.int().min(0).max(32_503_679_999).transform(fromSeconds), Time])

function isOfOurTimes(time: Date): boolean {
  return time.getUTCFullYear() >= 1970 && time.getUTCFullYear() < 3000
}

/** What `read` makes of a text, or a refusal with these words. */
const readBy = <Value>(read: (text: string) => Value | null, longest: number, words: string) =>
  z
    .string()
    .max(longest)
    .transform((text, context) => {
      const value = read(text.trim())
      if (value !== null) return value
      context.addIssue({ code: 'custom', message: words })
      return z.NEVER
    })

const Username = readBy(
  parseUsername,
  64,
  'must be 2 to 32 letters, digits, dots, hyphens and underscores, beginning with a letter or digit',
)

/** The standard claims stand beside the rest, under their own names; so `locale` is the claim. */
export const UserRecord = z
  .strictObject({
    type: z.literal('user'),
    id: Id.optional(),
    email: readBy(parseEmail, 320, 'must be one plain email address'),
    email_verified: z.boolean().optional(),
    username: Username.optional(),
    preferred_username: Username.optional(),
    password_hash: z
      .string()
      .max(1000)
      .refine(isKnownHash, 'must be a hash that a sign-in can compare: see docs/import.md')
      .optional(),
    /** The operator stands behind what the account holds: docs/adr/0023. */
    vouched: z.boolean().optional(),
    status: z.enum(['active', 'disabled']).optional(),
    roles: z
      .array(z.string().refine(isRoleName, 'must be a role in lower case, as in admin'))
      .max(20)
      .optional(),
    system: z.boolean().optional(),
    /** The language this person chose for pages and mails. */
    language: Locale.optional(),
    created_at: Time.optional(),
    updated_at: ClaimedTime.optional(),
    ...Profile.shape,
  })
  .refine(({ username, preferred_username: also }) => !username || !also || username === also, {
    path: ['preferred_username'],
    message: 'must be the same as username',
  })
  .refine(({ system, password_hash: hash }) => !system || hash === undefined, {
    path: ['password_hash'],
    message: 'must be left out: nobody signs in to a system account',
  })
export type UserRecord = z.output<typeof UserRecord>

/** An address, a user name or an id of an account. */
const Who = z.string().max(320)
const Role = z.string().max(40).default('member')

export const TeamRecord = z.strictObject({
  type: z.literal('team'),
  id: Id.optional(),
  slug: z.string().max(64),
  name: z.string().max(400),
  description: z.string().max(4000).optional(),
  created_at: Time.optional(),
  updated_at: Time.optional(),
  members: z
    .array(z.strictObject({ user: Who, role: Role, joined_at: Time.optional() }))
    .max(1000)
    .optional(),
})
export type TeamRecord = z.output<typeof TeamRecord>

/** For teams with more members than fit into one line. */
export const MemberRecord = z.strictObject({
  type: z.literal('member'),
  /** Its slug. */
  team: z.string().max(64),
  user: Who,
  role: Role,
  joined_at: Time.optional(),
})
export type MemberRecord = z.output<typeof MemberRecord>

/** What a client brings along besides its metadata. RFC 6749 §A.1: an identifier is made of visible characters. */
export const ClientOwn = z
  .strictObject({
    type: z.literal('client'),
    client_id: z.string().regex(/^[\x21-\x7e]{1,200}$/, 'must be 1 to 200 visible ASCII characters'),
    client_secret: z
      .string()
      .regex(/^[\x20-\x7e]*$/, 'must be visible ASCII characters')
      .min(16, 'is too short to rest as a plain SHA-256: leave it out and give the client a new one')
      .max(512)
      .optional(),
    client_secret_hashes: z
      .array(
        z.strictObject({
          sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in lower-case hex'),
          created_at: Time.optional(),
          expires_at: Time.optional(),
        }),
      )
      .max(2)
      .optional(),
    enabled: z.boolean().optional(),
    created_at: Time.optional(),
    updated_at: Time.optional(),
  })
  .refine((client) => client.client_secret === undefined || client.client_secret_hashes === undefined, {
    path: ['client_secret_hashes'],
    message: 'must be left out beside client_secret',
  })
export type ClientOwn = z.output<typeof ClientOwn>

/** One that is not built in; without a team it is of the whole installation. */
export const RoleRecord = z.strictObject({
  type: z.literal('role'),
  /** Its slug. */
  team: z.string().max(64).optional(),
  name: z.string().max(40),
  description: z.string().max(4000).optional(),
  permissions: z.array(z.string().max(200)).max(200),
  created_at: Time.optional(),
  updated_at: Time.optional(),
})
export type RoleRecord = z.output<typeof RoleRecord>

export const ApiRecord = z.strictObject({
  type: z.literal('api'),
  identifier: ApiIdentifier,
  name: shownText(200),
  scopes: ApiScopes,
  open_to_all: z.boolean().default(false),
  wants_permissions: z.boolean().default(false),
  authorization_details_types: DetailTypes.default([]),
  created_at: Time.optional(),
  updated_at: Time.optional(),
})
export type ApiRecord = z.output<typeof ApiRecord>

/** What one client may ask for at one API; `serves`: it is that API. */
export const ApiClientRecord = z.strictObject({
  type: z.literal('api_client'),
  api: z.string().max(200),
  client: z.string().max(200),
  scopes: ApiScopes.default([]),
  serves: z.boolean().default(false),
})
export type ApiClientRecord = z.output<typeof ApiClientRecord>

export const recordTypes = ['user', 'team', 'role', 'member', 'api', 'client', 'api_client'] as const
export type RecordType = (typeof recordTypes)[number]
