// Owns the board's own sessions, in memory: who is signed in in which browser, and who is on the way through Foyer.
// Browsers hold a random id and nothing else; a restart of the board forgets them, and Foyer signs people in again.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Foyer, Pending, Renewed, SignedIn } from './foyer.ts'

export type Session = SignedIn & {
  id: string
  /** In every form of this session, and in no other page (OWASP: synchronizer token). */
  formToken: string
  /** What the next page says, once. */
  flash: string | undefined
  usedAt: number
  renewing: Promise<Renewed['outcome']> | undefined
}

export type Sessions = ReturnType<typeof createSessions>

const idleMs = 8 * 60 * 60 * 1000
const pendingMs = 10 * 60 * 1000
/** Tokens are renewed before they end, so that no request meets one that just did. */
const earlyMs = 30_000
/** So many browsers at once; with one more the oldest goes. */
const most = 10_000

const newId = (): string => randomBytes(32).toString('base64url')
const hash = (text: string): Buffer => createHash('sha256').update(text).digest()
/** Looked up by their hash: the time of a look-up tells nothing about an id. */
const keyOf = (id: string): string => hash(id).toString('base64url')

export function createSessions(foyer: Pick<Foyer, 'renew'>) {
  const sessions = new Map<string, Session>()
  const pendings = new Map<string, Pending & { since: number }>()

  function begin(pending: Pending): string {
    const id = newId()
    keepBelow(pendings, most)
    pendings.set(keyOf(id), { ...pending, since: Date.now() })
    return id
  }

  /** Taken out as it is read: an answer is good for one try. */
  function take(id: string | undefined): Pending | undefined {
    if (id === undefined) return undefined
    const pending = pendings.get(keyOf(id))
    pendings.delete(keyOf(id))
    return pending && Date.now() - pending.since < pendingMs ? pending : undefined
  }

  /** A new id for each sign-in: one that somebody planted before is worth nothing. */
  function create(signedIn: SignedIn): Session {
    const session = {
      ...signedIn,
      id: newId(),
      formToken: newId(),
      flash: undefined,
      usedAt: Date.now(),
      renewing: undefined,
    }
    keepBelow(sessions, most)
    sessions.set(keyOf(session.id), session)
    return session
  }

  function find(id: string | undefined): Session | undefined {
    const session = id === undefined ? undefined : sessions.get(keyOf(id))
    if (!session) return undefined
    if (Date.now() - session.usedAt > idleMs) {
      end(session)
      return undefined
    }
    session.usedAt = Date.now()
    return session
  }

  const end = ({ id }: Session): void => void sessions.delete(keyOf(id))

  /**
   * A refresh token works once, so of many requests at a time one renews and the others wait for it. A session that
   * Foyer ended is over here as well.
   */
  function freshen(session: Session): Promise<Renewed['outcome']> {
    if (session.tokens.expiresAt - Date.now() > earlyMs) return Promise.resolve('renewed')
    session.renewing ??= foyer
      .renew(session)
      .then((renewed) => {
        if (renewed.outcome === 'renewed') Object.assign(session, renewed.signedIn)
        if (renewed.outcome === 'unreachable') session.tokens = renewed.tokens
        if (renewed.outcome === 'ended') end(session)
        return renewed.outcome
      })
      .finally(() => {
        session.renewing = undefined
      })
    return session.renewing
  }

  return { begin, take, create, find, end, freshen }
}

export const isFormToken = (session: Session, candidate: string): boolean =>
  timingSafeEqual(hash(session.formToken), hash(candidate))

function keepBelow(map: Map<string, unknown>, limit: number): void {
  const [oldest] = map.keys()
  if (map.size >= limit && oldest !== undefined) map.delete(oldest)
}
