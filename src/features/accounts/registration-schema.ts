// Owns what goes into a registration and what comes out of one. How it is decided is registration-service.ts.
import { z } from 'zod'
import type { Blocked } from '../challenges/schema.ts'
import { type Account, Profile } from './schema.ts'

export type RegistrationMode = 'open' | 'verified' | 'closed'

export type BeginRegistration = {
  email: string
  /** Without one the address is proved first, in every mode: else nobody could ever sign in. */
  password?: string
  username?: string
  name?: string
  /** Of the mail, and of the account that comes of it. */
  language: string
  /** What the mail says it is for. */
  appName?: string
  browserHash?: Uint8Array | undefined
}

export type Begun =
  | { outcome: 'created'; account: Account }
  /** The same for a taken address, whose mailbox hears of it. */
  | { outcome: 'sent'; id: string; flow: string; email: string; expiresAt: Date; resendAt: Date }

export type RegistrationConfirmed =
  | { outcome: 'created'; account: Account }
  | { outcome: 'wrong' }
  | Blocked
  | { outcome: 'gone' }

export type MailResent =
  | { outcome: 'sent'; id: string; expiresAt: Date; resendAt: Date }
  | { outcome: 'too_early'; resendAt: Date; retryAfterSeconds: number }
  | { outcome: 'gone' }

/** What waits for the proof of the address. */
export const WaitingRegistration = z.object({
  passwordHash: z.string().nullable(),
  username: z.string().nullable(),
  profile: Profile,
  language: z.string(),
  appName: z.string().optional(),
})
export type WaitingRegistration = z.output<typeof WaitingRegistration>
