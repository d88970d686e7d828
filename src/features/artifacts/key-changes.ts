// Owns the steps of a key from next over active and retained to gone, each of them a compare-and-set: whoever was not
// first changes nothing, and says so.
import type { Tx } from '../../platform/postgres.ts'
import type { Sealer } from '../../platform/sealer.ts'
import type { KeyPair, SigningAlg, SigningKey } from './signing-keys.ts'
import { placeOf, signingKeysChannel } from './signing-keys.ts'

type Named = Pick<SigningKey, 'kid' | 'alg'>
type Place = { state: 'next' | 'active'; epoch: number; imported: boolean; now: Date }

export function createKeyChanges({ sealer }: { sealer: Pick<Sealer, 'seal'> }) {
  const slotOf = (alg: SigningAlg, state: 'next' | 'active') => `${alg} ${state}`
  const bytes = (buffer: Buffer) => new Uint8Array(buffer)

  /** It signs no more, so its private part goes; until then it verifies what it signed. */
  async function retain(
    tx: Tx,
    { kid }: Named,
    { now, until }: { now: Date; until: Date },
  ): Promise<boolean> {
    const data = { state: 'retained', slot: null, sealed: null, retiredAt: now, retainUntil: until }
    return (await tx.signingKey.updateMany({ where: { kid, state: 'active' }, data })).count === 1
  }

  /** At once: what it signed is worth nothing any more. */
  async function revoke(tx: Tx, { kid, state }: Pick<SigningKey, 'kid' | 'state'>, now: Date) {
    const data = { state: 'gone', slot: null, sealed: null, retiredAt: now, retainUntil: null }
    return (await tx.signingKey.updateMany({ where: { kid, state }, data })).count === 1
  }

  async function activate(tx: Tx, { kid, alg }: Named, now: Date): Promise<boolean> {
    const data = { state: 'active', slot: slotOf(alg, 'active'), activatedAt: now }
    return (await tx.signingKey.updateMany({ where: { kid, state: 'next' }, data })).count === 1
  }

  /** A place that is taken, and a key that has been here before, are refused alike. */
  async function add(tx: Tx, pair: KeyPair, { state, epoch, imported, now }: Place): Promise<boolean> {
    const { kid, alg, publicJwk, privateKey } = pair
    const row = {
      kid,
      alg,
      state,
      slot: slotOf(alg, state),
      epoch,
      imported,
      publicJwk: { ...publicJwk } as Record<string, string>,
      sealed: bytes(sealer.seal(privateKey, placeOf(kid))),
      createdAt: now,
      publishedAt: now,
      activatedAt: state === 'active' ? now : null,
    }
    return (await tx.signingKey.createMany({ data: [row], skipDuplicates: true })).count === 1
  }

  /** It has verified for as long as anything it signed could live. */
  async function drop(tx: Tx, { kid }: Named): Promise<boolean> {
    const where = { kid, state: 'retained' }
    return (await tx.signingKey.updateMany({ where, data: { state: 'gone' } })).count === 1
  }

  /** Counted over all there ever were. */
  async function lastEpoch(tx: Tx, alg: SigningAlg): Promise<number> {
    const { _max } = await tx.signingKey.aggregate({ where: { alg }, _max: { epoch: true } })
    return _max.epoch ?? 0
  }

  /** Heard by every process at the commit. */
  async function notify(tx: Tx): Promise<void> {
    await tx.$executeRaw`SELECT pg_notify(${signingKeysChannel}, '')`
  }

  return { retain, revoke, activate, add, drop, lastEpoch, notify }
}

export type KeyChanges = ReturnType<typeof createKeyChanges>
