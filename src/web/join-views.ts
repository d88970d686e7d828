// Owns what the pages about join codes need to know, and how they are headed. Their words are locales/*/join.json.
import type { Translator } from '../platform/i18n.ts'
import type { PageError } from './sentences.ts'

export type JoinPage = {
  /** As it was typed or brought along. */
  code: string
  signedIn: boolean
  errors?: PageError[]
  retryAt?: Date
  retryAfterSeconds?: number
}

export type JoinConfirmPage = { code: string; team: string; email: string }

/** Why a code that was made lets this person in no more; `void`: whoever made it may let nobody in. */
export type JoinOverPage = {
  state: 'expired' | 'used_up' | 'revoked' | 'void' | 'member'
  team: string
  until: Date
}

export type JoinPages = {
  'join/start': JoinPage
  'join/confirm': JoinConfirmPage
  'join/over': JoinOverPage
}

type Heads = {
  [Name in keyof JoinPages]: (view: JoinPages[Name], t: Translator['t']) => { heading: string }
}

export const joinHeads: Heads = {
  'join/start': (_, t) => ({ heading: t('join.heading') }),
  'join/confirm': (_, t) => ({ heading: t('join.heading') }),
  'join/over': ({ state }, t) => ({ heading: t(`join.${state}_heading`) }),
}
