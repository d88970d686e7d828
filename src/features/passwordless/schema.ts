// Owns what a sign-in by mail takes and gives. How it goes is service.ts.
import { z } from 'zod'
import type { Blocked, Origin } from '../challenges/schema.ts'

export type PasswordlessMethod = 'link' | 'code'

export type StartPasswordless = {
  email: string
  method: PasswordlessMethod
  origin: Origin
  /** Of the mail, and of the account that may come of it. */
  language: string
  /** Hash of the cookie of the browser that asks: its link works there alone. A program gives none. */
  browserHash?: Uint8Array | undefined
  /** The sign-in it belongs to: a link that comes back to its browser tells it again. */
  interactionUid?: string
  appName?: string
  /** Where a link leads; `?token=` is added. */
  linkUrl: string
  /** Signing up is refused to everybody while registration is closed; signing in just makes no account then. */
  intent: 'sign_in' | 'sign_up'
}

export type StartedPasswordless = { id: string; flow: string; expiresAt: Date; resendAt: Date }

export type Verified =
  | { outcome: 'proved'; accountId: string; created: boolean; interactionUid?: string }
  | { outcome: 'wrong' }
  | Blocked
  | { outcome: 'gone' }

type Shown = { id: string; emailMasked: string; appName?: string }

export type PeekedSignInLink =
  | (Shown & {
      /** Somewhere else than in the browser that asked, a link signs nobody in: the code is typed where it was asked for. */
      state: 'same_browser' | 'other_browser'
      expiresAt: Date
      code: string
      /** In the browser that asked, and nowhere else. */
      interactionUid?: string
      askedBy: 'browser' | 'program'
    })
  | (Shown & { state: 'used' })
  | { state: 'expired' }

/** What waits for the proof. */
export const WaitingSignIn = z.object({
  language: z.string(),
  linkUrl: z.string(),
  appName: z.string().optional(),
  interactionUid: z.string().optional(),
})
export type WaitingSignIn = z.output<typeof WaitingSignIn>
