// Owns the shape of an account: what callers may hand in and what they get. Addresses are email.ts.
import { z } from 'zod'
import { shownText } from '../../kernel/shown-text.ts'

const webAddress = z.url({ protocol: /^https?$/ }).max(2048)

/** OIDC Core §5.1.1. */
const Address = z.strictObject({
  formatted: z.string().max(1000).optional(),
  street_address: z.string().max(500).optional(),
  locality: shownText(200).optional(),
  region: shownText(200).optional(),
  postal_code: shownText(40).optional(),
  country: shownText(100).optional(),
})

/** The standard claims of OIDC Core §5.1 besides the address of the mail, and `preferred_username`: the user name is that. */
export const Profile = z.strictObject({
  name: shownText(200).optional(),
  given_name: shownText(200).optional(),
  family_name: shownText(200).optional(),
  middle_name: shownText(200).optional(),
  nickname: shownText(200).optional(),
  profile: webAddress.optional(),
  picture: webAddress.optional(),
  website: webAddress.optional(),
  gender: shownText(100).optional(),
  // ISO 8601-1: the year may be 0000 when it is not told, or stand alone.
  birthdate: z
    .string()
    .regex(/^\d{4}(-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]))?$/)
    .optional(),
  zoneinfo: shownText(100).optional(),
  locale: shownText(35).optional(),
  phone_number: z
    .string()
    .regex(/^\+[0-9 ().-]{4,30}(;ext=\d{1,10})?$/)
    .optional(),
  phone_number_verified: z.boolean().optional(),
  address: Address.optional(),
})
export type Profile = z.output<typeof Profile>

export type AccountStatus = 'active' | 'disabled' | 'deleted'

export type Account = {
  id: string
  email: string
  emailCanonical: string
  emailVerifiedAt: Date | null
  username: string | null
  hasPassword: boolean
  profile: Profile
  roles: string[]
  status: AccountStatus
  /** Made for a program: nobody signs in to it. */
  system: boolean
  /** The language this person chose (BCP 47). */
  locale: string | null
  securityEpoch: number
  createdAt: Date
  updatedAt: Date
  lastSeenAt: Date | null
  deletedAt: Date | null
}

/** A language tag (BCP 47), as far as it matters here. */
export const Locale = z.string().regex(/^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$/)

/** Profile, user name and language; what is null is taken off, what is absent stays. */
export const ChangeAccount = z.strictObject({
  // Whether a number is verified is for a proof to say, never for the person.
  profile: z
    .strictObject(
      Object.fromEntries(
        Object.entries(Profile.omit({ phone_number_verified: true }).shape).map(([claim, shape]) => [
          claim,
          shape.nullable(),
        ]),
      ) as NullableProfile,
    )
    .optional(),
  username: z.string().max(64).nullable().optional(),
  locale: Locale.nullable().optional(),
})
export type ChangeAccount = z.output<typeof ChangeAccount>

type OwnProfile = Omit<typeof Profile.shape, 'phone_number_verified'>
type NullableProfile = { [Claim in keyof OwnProfile]: z.ZodNullable<OwnProfile[Claim]> }

/** Which accounts a list shows. */
export type AccountSearch = { search?: string; status?: AccountStatus }

/** What makes an account; email, user name, roles and password have rules of their own in the service. */
export const CreateAccount = z.strictObject({
  email: z.string().max(320),
  password: z.string().max(4096).optional(),
  name: shownText(200).optional(),
  username: z.string().max(64).optional(),
  profile: Profile.optional(),
  roles: z.array(z.string().max(40)).max(20).optional(),
  emailVerified: z.boolean().optional(),
  /** Its password comes by the operator's hand: see docs/adr/0023. */
  vouched: z.boolean().optional(),
  /** Made for a program: it has no password, and nobody signs in to it. */
  system: z.boolean().optional(),
  locale: Locale.optional(),
})
export type CreateAccount = z.output<typeof CreateAccount>

// An @ would make it an address; the first character keeps it apart from options and paths.
const usernameShape = /^[a-z0-9][a-z0-9._-]{1,31}$/

/** A user name as it is compared and kept, or null when the text is none. */
export function parseUsername(text: string): string | null {
  if (text.length > 64) return null
  const canonical = text.normalize('NFKC').toLowerCase()
  return usernameShape.test(canonical) ? canonical : null
}

const roleShape = /^[a-z][a-z0-9_-]{0,39}$/
export const isRoleName = (text: string): boolean => roleShape.test(text)
