// Owns how an operator's own key takes its place among the others: as the next one, which signs after a rotation, or
// as the active one at once.
import type { KeyChanges } from '../features/artifacts/key-changes.ts'
import type {
  KeyPair,
  KeyState,
  SigningAlg,
  SigningKey,
  SigningKeyStore,
} from '../features/artifacts/signing-keys.ts'
import type { Audit } from '../features/audit/service.ts'
import { conflict, invalidInput } from '../kernel/errors.ts'
import type { Actor, EventType } from '../kernel/events.ts'
import { readPrivateKey } from '../kernel/private-keys.ts'
import type { Clock } from '../kernel/time.ts'
import type { Db, Tx } from '../platform/postgres.ts'
import { retainedUntil } from './key-policy.ts'
import { pairOf } from './keys.ts'

export type KeyImportDeps = {
  db: Pick<Db, 'inTransaction'>
  store: Pick<SigningKeyStore, 'list' | 'isKnown'>
  changes: KeyChanges
  audit: Pick<Audit, 'record'>
  clock: Clock
  accessTokenTtlSeconds: number
}

export type ImportOptions = {
  /** An RSA key makes RS256 unless PS256 is asked for. */
  alg?: SigningAlg | undefined
  /** Signs at once. Apps that have not read it yet read the JWKS again. */
  active?: boolean | undefined
}

type Entry = { pair: KeyPair; state: 'next' | 'active'; replaced: SigningKey | undefined }

const refused = (detail: string) => invalidInput([{ pointer: '', code: 'key_unsuitable', detail }])

function read(pem: string, alg?: SigningAlg): KeyPair {
  const found = readPrivateKey(pem)
  if ('problem' in found) throw refused(`The key ${found.problem}.`)
  const wanted = alg ?? found.alg
  if (wanted !== found.alg && !(wanted === 'PS256' && found.alg === 'RS256'))
    throw refused(`The key makes ${found.alg} and not ${wanted}.`)
  return pairOf(found.key, wanted)
}

export type KeyImport = ReturnType<typeof createKeyImport>

export function createKeyImport(deps: KeyImportDeps) {
  const { db, store, changes, audit, clock } = deps

  async function take(actor: Actor, { pair, state, replaced }: Entry): Promise<void> {
    const now = clock.now()
    const fact = (tx: Tx, type: EventType, { kid }: { kid: string }) =>
      audit.record(tx, { type, actor, details: { kid, alg: pair.alg } })

    await db.inTransaction(async (tx) => {
      const left =
        !replaced ||
        (state === 'active'
          ? await changes.retain(tx, replaced, { now, until: retainedUntil(now, deps) })
          : await changes.revoke(tx, replaced, now))
      const epoch = 1 + (await changes.lastEpoch(tx, pair.alg))
      const isIn = left && (await changes.add(tx, pair, { state, epoch, imported: true, now }))
      if (!isIn) throw conflict('conflict')
      // A next key has signed nothing, so it leaves without a trace
      if (replaced && state === 'next') await fact(tx, 'key.retired', replaced)
      await fact(tx, 'key.imported', pair)
      await changes.notify(tx)
    })
  }

  /** In place of the next key; of the active one when it is to sign at once or nothing else does. */
  async function enter(actor: Actor, pair: KeyPair, active = false): Promise<void> {
    const present = (await store.list()).filter((key) => key.alg === pair.alg)
    const state = active || !present.some((key) => key.state === 'active') ? 'active' : 'next'
    const replaced = present.find((key) => key.state === state)
    await take(actor, { pair, state, replaced })
  }

  /** By hand. A key that has been here before does not come back. */
  async function bring(
    actor: Actor,
    pem: string,
    { alg, active }: ImportOptions = {},
  ): Promise<SigningKey[]> {
    const pair = read(pem, alg)
    if (await store.isKnown(pair.kid))
      throw refused('This key has been here before, and a key does not come back.')
    await enter(actor, pair, active)
    return store.list()
  }

  /** The key of the configuration, at each start, and what has become of it. */
  async function adopt(pem: string): Promise<Pick<SigningKey, 'kid' | 'alg'> & { state: KeyState | 'gone' }> {
    const pair = read(pem)
    if (!(await store.isKnown(pair.kid))) {
      await enter({ kind: 'system' }, pair).catch(async (error: unknown) => {
        // Another process that starts with the same key was first
        if (!(await store.isKnown(pair.kid))) throw error
      })
    }
    const { kid, alg } = pair
    return { kid, alg, state: (await store.list()).find((key) => key.kid === kid)?.state ?? 'gone' }
  }

  return { bring, adopt }
}
