// Owns what the pages need to know on which a person answers what apps ask without a browser, and how they are headed.
// Their words are locales/*/ciba.json.
import type { Translator } from '../platform/i18n.ts'
import type { ConsentPage } from './consent-views.ts'
import type { PageError, Said } from './sentences.ts'

export type AskOnPage = Omit<ConsentPage, 'action' | 'redirectHost'> & {
  id: string
  /** The words that the app shows where it asks. */
  message?: string
  at: Date
  until: Date
}

export type AskPages = {
  'account/requests': { email: string; asks: AskOnPage[]; errors?: PageError[] }
  'account/request-done': { email: string; done: Said }
}

type Heads = {
  [Name in keyof AskPages]: (view: AskPages[Name], t: Translator['t']) => { heading: string }
}

export const askHeads: Heads = {
  'account/requests': (_, t) => ({ heading: t('ciba.heading') }),
  'account/request-done': (_, t) => ({ heading: t('ciba.done_heading') }),
}
