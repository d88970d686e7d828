// Owns the shape of what a person is shown of where they are signed in, and of the apps they let in.
import type { Actor } from '../../kernel/events.ts'

/** A browser, or an app of the owner's, that is signed in. */
export type SignedInDevice = {
  /** The session's `uid`: names it and opens nothing. */
  id: string
  /** As people would call it, in English: "Firefox on Linux". */
  device: string
  /** The parts of that name, for pages in other languages; an app has no system, and a stranger neither. */
  browser: string | null
  system: string | null
  address: string | null
  created_at: Date
  last_seen_at: Date
  current: boolean
}

/** An app that a person let in, however often and on however many devices. */
export type AppAccess = {
  client_id: string
  /** Scopes of OpenID Connect and of APIs alike. */
  scopes: string[]
  since: Date
  /** When a session that is signed in to it was last seen; null when none is there any more. */
  last_seen_at: Date | null
}

/** Who ends something, and from where, for the audit log. The person themselves when nobody else is named. */
export type By = { actor?: Actor; requestId?: string; address?: string }
