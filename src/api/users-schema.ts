// Owns what the management API takes and shows of people. What the values must be beyond that is said by the services.
import { z } from 'zod'
import { type Account, ChangeAccount, CreateAccount, type Profile } from '../features/accounts/schema.ts'
import type { SignedInDevice } from '../features/sessions/schema.ts'
import { Id } from './route.ts'

const { profile, username, locale } = ChangeAccount.shape
const roleName = z.string().regex(/^[a-z][a-z0-9_-]{0,39}$/, 'must be a role in lower case, as in admin')

const { name, given_name, family_name, middle_name, nickname, ...otherClaims } = profile.unwrap().shape
/** OIDC Core §5.1. Neither a password nor whether an address is proved: those are for the person, and a proof, to say. */
const claims = { name, given_name, family_name, middle_name, nickname, ...otherClaims }

export const NewUser = z.strictObject({
  email: CreateAccount.shape.email,
  username: CreateAccount.shape.username,
  roles: z.array(roleName).max(20).optional(),
  ...z.object(claims).partial().shape,
  locale: CreateAccount.shape.locale,
})
export type NewUser = z.output<typeof NewUser>

/** What is null is taken off, what is absent stays. */
export const ChangedUser = z.strictObject({ ...claims, username, locale })

export const UserFilters = z.object({
  search: z.string().min(1).max(100).optional(),
  status: z.enum(['active', 'disabled', 'deleted']).optional(),
})

const moment = z.iso.datetime()
const text = z.string()

export const User = z.object({
  id: z.uuid(),
  email: text,
  email_verified: z.boolean(),
  username: text.nullable(),
  name: text.nullable(),
  given_name: text.optional(),
  family_name: text.optional(),
  middle_name: text.optional(),
  nickname: text.optional(),
  profile: text.optional(),
  picture: text.optional(),
  website: text.optional(),
  gender: text.optional(),
  birthdate: text.optional(),
  zoneinfo: text.optional(),
  phone_number: text.optional(),
  phone_number_verified: z.boolean().optional(),
  address: z.record(text, text).optional(),
  locale: text.nullable(),
  roles: z.array(text),
  status: z.enum(['active', 'disabled', 'deleted']),
  /** Made for a program: nobody signs in to it. */
  system: z.boolean(),
  has_password: z.boolean(),
  /**
   * Of one person alone: after too many failures in a row the password counts only on devices they have signed in on
   * before.
   */
  password_locked: z.boolean().optional(),
  created_at: moment,
  updated_at: moment,
  deleted_at: moment.nullable(),
})

export const UserSession = z.object({
  id: text,
  user_id: z.uuid(),
  device: text.nullable(),
  address: text.nullable(),
  created_at: moment,
  last_seen_at: moment,
})

/** A session, by whose it is and what is known of it. */
export const presentSession = (
  user_id: string,
  { id, device, address, created_at, last_seen_at }: Omit<SignedInDevice, 'browser' | 'system' | 'current'>,
): z.input<typeof UserSession> => ({
  id,
  user_id,
  device,
  address,
  created_at: created_at.toISOString(),
  last_seen_at: last_seen_at.toISOString(),
})

export const BySession = z.strictObject({ id: Id, session_id: Id })
export const GrantedRole = z.strictObject({ role: roleName })
export const ByRole = z.strictObject({ id: Id, role: Id })
export const RoleHeld = text
export const UserRoles = z.object({ data: z.array(RoleHeld) })
export const Deleted = z.object({ id: z.uuid(), status: z.literal('deleted'), erased_at: moment })
export const Accepted = z.object({ status: z.literal('accepted') })

export function presentUser(account: Account): z.input<typeof User> {
  const { profile: claims, createdAt, updatedAt, deletedAt } = account
  const { address, ...plain } = claims satisfies Profile
  return {
    ...plain,
    ...(address && { address: wordsOf(address) }),
    name: claims.name ?? null,
    id: account.id,
    email: account.email,
    email_verified: account.emailVerifiedAt !== null,
    username: account.username,
    locale: account.locale ?? claims.locale ?? null,
    roles: account.roles,
    status: account.status,
    system: account.system,
    has_password: account.hasPassword,
    created_at: createdAt.toISOString(),
    updated_at: updatedAt.toISOString(),
    deleted_at: deletedAt?.toISOString() ?? null,
  }
}

const wordsOf = (address: NonNullable<Profile['address']>): Record<string, string> =>
  Object.fromEntries(Object.entries(address).filter(([, value]) => value !== undefined))
