// Owns what the pages behind the link of an invitation need to know, and how they are headed. Their words are
// locales/*/invitation.json.
import type { Translator } from '../platform/i18n.ts'

/** What its reader can do next: one of them at a time. */
export type InvitationStep =
  | 'sign_in'
  | 'join'
  /** The address is that of the account, and nobody has proved it yet. */
  | 'prove'
  /** Somebody else is signed in. */
  | 'switch'
  | 'expired'

export type InvitationPage = {
  token: string
  step: InvitationStep
  team: string
  /** By its name; those built in are said in words. */
  role: string
  /** Where the invitation went, masked. */
  invited: string
  until: Date
  /** Who is signed in. */
  email?: string
}

export type InvitationPages = {
  'invitation/start': InvitationPage
  'invitation/joined': { team: string; role: string }
  /** Unknown, used, taken back and forgotten alike. */
  'invitation/over': Record<never, never>
}

type Heads = {
  [Name in keyof InvitationPages]: (view: InvitationPages[Name], t: Translator['t']) => { heading: string }
}

export const invitationHeads: Heads = {
  'invitation/start': ({ step }, t) => ({
    heading: t(step === 'expired' ? 'invitation.expired_heading' : 'invitation.heading'),
  }),
  'invitation/joined': (_, t) => ({ heading: t('invitation.joined_heading') }),
  'invitation/over': (_, t) => ({ heading: t('error.invitation_gone.title') }),
}
