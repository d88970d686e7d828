// Owns the rotation of signing keys: by hand, by the schedule, and at once when a key is compromised. One transaction
// takes a key's place; of several that begin together exactly one finds what it decided on.
import type { KeyChanges } from '../features/artifacts/key-changes.ts'
import type { KeyPair, SigningAlg, SigningKey, SigningKeyStore } from '../features/artifacts/signing-keys.ts'
import type { Audit } from '../features/audit/service.ts'
import { conflict, notFound } from '../kernel/errors.ts'
import type { Actor, EventType } from '../kernel/events.ts'
import type { Clock } from '../kernel/time.ts'
import type { Db, Tx } from '../platform/postgres.ts'
import { assertPublished, isDue, isOutlived, retainedUntil, type Turn, turnsOf } from './key-policy.ts'
import { makeKeyPair } from './keys.ts'

export type KeyRotationDeps = {
  db: Pick<Db, 'inTransaction'>
  store: Pick<SigningKeyStore, 'list'>
  changes: KeyChanges
  audit: Pick<Audit, 'record'>
  clock: Clock
  /** Of an active key that the schedule replaces; 0 when there is no schedule. */
  ageMs: number
  accessTokenTtlSeconds: number
}

export type RotationOptions = {
  /** Of every algorithm when none is named. */
  alg?: SigningAlg | undefined
  /** The active key is compromised: the next one signs however young, and what the old one signed is worth nothing. */
  emergency?: boolean | undefined
}

export type KeyRotation = ReturnType<typeof createKeyRotation>

export function createKeyRotation(deps: KeyRotationDeps) {
  const { db, store, changes, audit, clock, ageMs } = deps

  const fact = (
    tx: Tx,
    type: EventType,
    { actor, key }: { actor: Actor; key: Pick<KeyPair, 'kid' | 'alg'> },
  ) => audit.record(tx, { type, actor, details: { kid: key.kid, alg: key.alg } })

  /** Throws when anything is not as it was decided on: another process was first, and the transaction ends. */
  function assertFirst(done: boolean): void {
    if (!done) throw conflict('conflict')
  }

  async function turn(
    tx: Tx,
    { alg, active, next }: Turn,
    by: { actor: Actor; made: KeyPair; emergency: boolean },
  ) {
    const { actor, made, emergency } = by
    const now = clock.now()
    // The old one first: its row is what rivals wait for
    if (emergency) {
      assertFirst(await changes.revoke(tx, active, now))
      await fact(tx, 'key.revoked', { actor, key: active })
    } else {
      assertFirst(await changes.retain(tx, active, { now, until: retainedUntil(now, deps) }))
    }
    assertFirst(await changes.activate(tx, next, now))
    const epoch = 1 + (await changes.lastEpoch(tx, alg))
    assertFirst(await changes.add(tx, made, { state: 'next', epoch, imported: false, now }))
    await fact(tx, 'key.promoted', { actor, key: next })
    await fact(tx, 'key.created', { actor, key: made })
  }

  async function take(actor: Actor, turns: readonly Turn[], emergency = false): Promise<void> {
    // Before the transaction: an RSA pair takes a while
    const made = await Promise.all(turns.map(({ alg }) => makeKeyPair(alg)))
    await db.inTransaction(async (tx) => {
      for (const [index, each] of turns.entries()) {
        await turn(tx, each, { actor, emergency, made: made[index] as KeyPair })
      }
      await changes.notify(tx)
    })
  }

  /** The next key signs, a new next one is published, and the keys are as they are now. */
  async function rotate(actor: Actor, { alg, emergency = false }: RotationOptions): Promise<SigningKey[]> {
    const turns = turnsOf(await store.list()).filter((each) => alg === undefined || each.alg === alg)
    if (turns.length === 0) throw notFound()
    if (!emergency) for (const each of turns) assertPublished(each, clock.now())
    await take(actor, turns, emergency)
    return store.list()
  }

  /** The job: keys that are old enough are replaced, and those that nothing alive was signed with leave the JWKS. */
  async function keepSchedule(): Promise<{ rotated: string[]; dropped: string[] }> {
    const keys = await store.list()
    const now = clock.now()
    const due = turnsOf(keys).filter((each) => isDue(each, { now, ageMs }))
    if (due.length > 0) await take({ kind: 'system' }, due)
    const outlived = keys.filter((key) => isOutlived(key, now))
    if (outlived.length > 0) await drop(outlived)
    return { rotated: due.map(({ active }) => active.kid), dropped: outlived.map(({ kid }) => kid) }
  }

  async function drop(outlived: readonly SigningKey[]): Promise<void> {
    await db.inTransaction(async (tx) => {
      for (const key of outlived) {
        if (await changes.drop(tx, key)) await fact(tx, 'key.retired', { actor: { kind: 'system' }, key })
      }
      await changes.notify(tx)
    })
  }

  return { list: store.list, rotate, keepSchedule }
}
