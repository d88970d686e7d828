// Owns how a page is told what to say: a message by its key, and what the person should mend.
import type { MessageKey } from '../platform/message-keys.ts'

/** A sentence by its message; the renderer says it in the reader's language. */
export type Said = { key: MessageKey; values?: Readonly<Record<string, string | number | Date>> }

/** What the person should mend. `field` is the id of the input (`email`, `password`, …) it is about. */
export type PageError = {
  /** A string is shown as it is: it is in the reader's language already. */
  text: string | Said
  field?: string
  /** Shorter words to show beside the field; the full text stands in the summary. */
  beside?: string | Said
}

/** How good a password is that was refused: said with what would make it better. */
export type PasswordStrength = 'too_short' | 'weak' | 'fair' | 'strong'
