// Owns clients whose id is the address of a document: reads it when it is due and keeps what it says as the row of that
// client. What a document may say is document.ts.
import { isDeepStrictEqual } from 'node:util'
import { limits } from '../../config/limits.ts'
import { AppError, unavailable } from '../../kernel/errors.ts'
import { after, type Clock, hours, seconds } from '../../kernel/time.ts'
import { createWeighedMap } from '../../kernel/weighed-map.ts'
import { isUniqueViolation } from '../../platform/database-errors.ts'
import type { Limiter } from '../../platform/limiter.ts'
import type { Log } from '../../platform/log.ts'
import { OutboundError, type OutboundFetch } from '../../platform/outbound.ts'
import type { Db } from '../../platform/postgres.ts'
import type { Audit } from '../audit/service.ts'
import { type DocumentRules, freshMsOf, isDocumentAddress, readDocument } from './document.ts'
import type { DocumentStore } from './document-store.ts'
import type { ClientMetadata } from './schema.ts'
import type { Clients } from './service.ts'
import type { Client, ClientStore, ProtocolClient } from './store.ts'

export type ClientDocumentsDeps = {
  db: Pick<Db, 'inTransaction'>
  store: DocumentStore & Pick<ClientStore, 'find' | 'notify'>
  findClient: (id: string) => Promise<ProtocolClient | undefined>
  clients: Pick<Clients, 'createKnown' | 'update'>
  call: OutboundFetch
  limiter: Pick<Limiter, 'take'>
  audit: Pick<Audit, 'record'>
  clock: Clock
  log: Pick<Log, 'info'>
  rules: DocumentRules
}

export type ClientDocuments = ReturnType<typeof createClientDocuments>

/** Without a document, or with a bad one, an address is left alone for so long. */
const quietMs = seconds(30)
/** What a document said counts for so long while its address does not answer. */
const staleMs = hours(24)
/** The draft recommends 5 KB; what is kept of each is remembered with the other clients. */
const mostBytes = 8 * 1024
const mostRemembered = 1_000
/** An address that does not answer holds its request for three seconds, and there are others who wait. */
const mostAtOnce = 10

type Seen = { askAgainAt: number; isGood: boolean }
type Asked = { isKnown: boolean; from: string | undefined }

export function createClientDocuments(deps: ClientDocumentsDeps) {
  const { db, store, findClient, clients, call, limiter, audit, clock, log, rules } = deps
  const seen = createWeighedMap<Seen>({ most: mostRemembered, weigh: () => 1 })
  const asking = new Map<string, Promise<Seen>>()

  /** The client as the protocol meets it. `from`: the network of who asks, since a stranger has us call somewhere. */
  async function find(id: string, from?: string): Promise<ProtocolClient | undefined> {
    const known = await findClient(id)
    if (!isDocumentAddress(id, rules)) return known
    // The owner's word goes first: a client that was registered under this id, or one that was turned off
    if (known && !(known.from_document && known.enabled)) return known
    const last = seen.get(id)
    // Its row may have gone meanwhile: then it is read anew
    const isDue = !last || clock.millis() >= last.askAgainAt || (last.isGood && !known)
    const { isGood } = isDue ? await askOnce(id, { isKnown: known !== undefined, from }) : last
    return isGood ? findClient(id) : undefined
  }

  async function askOnce(id: string, asked: Asked): Promise<Seen> {
    const running = asking.get(id)
    if (running) return running
    if (asking.size >= mostAtOnce) return whileBusy(id, asked)
    const promise = ask(id, asked).finally(() => asking.delete(id))
    asking.set(id, promise)
    return promise
  }

  /** Strangers that do not answer keep nobody out whose document is here. */
  async function whileBusy(id: string, { isKnown }: Asked): Promise<Seen> {
    if (!isKnown) throw unavailable('busy')
    return { askAgainAt: 0, isGood: await isStillGood(id) }
  }

  const isStillGood = (id: string): Promise<boolean> => store.wasReadSince(id, after(clock.now(), -staleMs))

  async function ask(id: string, { isKnown, from }: Asked): Promise<Seen> {
    if (!isKnown) await spend(id, from)
    const read = await readOf(id)
    const now = clock.millis()
    if (read && (await keep(id, read.metadata)))
      return remember(id, { askAgainAt: now + read.freshMs, isGood: true })
    const isGood = isKnown && (await isStillGood(id))
    return remember(id, { askAgainAt: now + quietMs, isGood })
  }

  /** Documents that are kept are read again by the clock; those that nobody knew are paid for by who named them. */
  async function spend(id: string, from: string | undefined): Promise<void> {
    const { allowed } = await limiter.take(
      [
        { name: 'documents.host', key: new URL(id).host },
        ...(from === undefined ? [] : [{ name: 'documents.address', key: from } as const]),
      ],
      clock.now(),
    )
    if (!allowed) throw unavailable('busy')
  }

  /** Whatever is wrong with the address or the document is told in the log, and to a stranger not at all. */
  async function readOf(id: string): Promise<{ metadata: ClientMetadata; freshMs: number } | undefined> {
    try {
      const { status, headers, body } = await call(id, {
        headers: { accept: 'application/json' },
        mostBytes,
      })
      if (status !== 200) throw new OutboundError(`answered with ${status}`)
      return { metadata: readDocument(id, body, rules), freshMs: freshMsOf(headers) }
    } catch (error) {
      noteRefused(id, error)
      return undefined
    }
  }

  const noteRefused = (clientId: string, error: unknown): void =>
    log.info({ event: 'clients.document_refused', clientId, reason: reasonOf(error) })

  function remember(id: string, entry: Seen): Seen {
    seen.set(id, entry)
    return entry
  }

  /** Says whether it counts now: it may name something else, such as its sector, that is not as it says. */
  async function keep(id: string, metadata: ClientMetadata): Promise<boolean> {
    const before = await store.find(id)
    try {
      if (before) await change(before, { ...metadata, ...ownersPart(before.metadata) })
      else await add(id, metadata)
      return true
    } catch (error) {
      // Another process was quicker, with the same document
      if (isOvertaken(error)) return true
      if (!isRefused(error)) throw error
      noteRefused(id, error)
      return false
    }
  }

  async function add(id: string, metadata: ClientMetadata): Promise<void> {
    const isFull = (await store.countDocuments()) >= limits.clientDocuments
    // Those of an hour ago are not in the middle of a sign-in any more
    if (isFull && (await removeUnused(limits.interactionTtlSeconds * 1000)) === 0) throw unavailable('busy')
    await clients.createKnown({ kind: 'stranger' }, { id, metadata, documentReadAt: clock.now() })
  }

  async function change(
    { id, metadata: before, updatedAt }: Client,
    metadata: ClientMetadata,
  ): Promise<void> {
    const isSame = isDeepStrictEqual(JSON.parse(JSON.stringify(metadata)), before)
    if (!isSame) await clients.update({ kind: 'client', id }, id, { metadata, expected: [updatedAt] })
    await store.noteReading(id, clock.now())
  }

  /** Clients that nobody has let do anything go; whoever comes back has them read anew. */
  function removeUnused(forMs: number): Promise<number> {
    return db.inTransaction(async (tx) => {
      const gone = await store.removeUnused(tx, after(clock.now(), -forMs))
      for (const id of gone)
        await audit.record(tx, { type: 'client.deleted', actor: { kind: 'system' }, clientId: id })
      if (gone.length > 0) await store.notify(tx, '*')
      return gone.length
    })
  }

  const sweep = (): Promise<number> => removeUnused(limits.clientDocumentUnusedMs)

  return { find, sweep }
}

/** What the owner decided about the client: no document changes that. */
const ownersPart = ({
  first_party,
  access,
  email_methods,
  default_resource,
  refresh_grace_seconds,
}: ClientMetadata) => ({ first_party, access, email_methods, default_resource, refresh_grace_seconds })

const isOvertaken = (error: unknown): boolean =>
  isUniqueViolation(error) || (error instanceof AppError && error.code === 'precondition_failed')

const isRefused = (error: unknown): boolean => error instanceof AppError && error.code === 'invalid_input'

function reasonOf(error: unknown): string {
  if (!(error instanceof AppError)) return error instanceof Error ? error.message : 'unknown'
  const [first] = error.details.errors ?? []
  return first ? `${first.pointer} ${first.detail}` : error.code
}
