// Owns Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): a request that is sent again gets the answer of
// the first one and does nothing. Refusals are not kept: they changed nothing, and what was refused may be mended.
import { limits } from '../config/limits.ts'
import { AppError, type FieldError, invalidInput } from '../kernel/errors.ts'
import { hashSecret, sameHash } from '../kernel/secrets.ts'
import { after, type Clock } from '../kernel/time.ts'
import type { Sealer } from '../platform/sealer.ts'
import type { IdempotencyStore } from './idempotency-store.ts'

/** An answer as it is sent, and kept. */
export type Sent = { status: number; headers: Record<string, string>; body: unknown }

export type IdempotencyDeps = {
  store: IdempotencyStore
  sealer: Pick<Sealer, 'seal' | 'open'>
  clock: Clock
}

export type Once = {
  /** As the header says; empty when there is none. */
  key: string
  caller: string
  /** All that the request asks for. */
  request: unknown
}

export type Idempotency = ReturnType<typeof createIdempotency>

const keyShape = /^[\x20-\x7e]{1,255}$/
const placeOf = (keyHash: Buffer): string => `idempotency_keys.${keyHash.toString('hex')}.sealed`

export function createIdempotency({ store, sealer, clock }: IdempotencyDeps) {
  async function once({ key, caller, request }: Once, work: () => Promise<Sent>): Promise<Sent> {
    if (key === '') return work()
    if (!keyShape.test(key)) throw invalidInput([badKey])
    const keyHash: Buffer = hashSecret(JSON.stringify([caller, key]))
    const fingerprint: Buffer = hashSecret(JSON.stringify(request))
    const now = clock.now()
    const until = after(now, limits.idempotencyLeaseMs)
    if (!(await store.claim({ keyHash, fingerprint, now, until }))) return repeat(keyHash, fingerprint)
    return perform(keyHash, work)
  }

  async function perform(keyHash: Buffer, work: () => Promise<Sent>): Promise<Sent> {
    let sent: Sent
    try {
      sent = await work()
    } catch (error) {
      await store.release(keyHash)
      throw error
    }
    const sealed = sealer.seal(JSON.stringify(sent), placeOf(keyHash))
    await store.keep(keyHash, { sealed, until: after(clock.now(), limits.idempotencyMs) })
    return sent
  }

  async function repeat(keyHash: Buffer, fingerprint: Buffer): Promise<Sent> {
    const kept = await store.find(keyHash)
    if (kept && !sameHash(kept.fingerprint, fingerprint))
      throw new AppError('invalid', 'idempotency_key_reused')
    if (!kept?.sealed) {
      throw new AppError('conflict', 'idempotency_in_flight', { details: { retryAfterSeconds: 1 } })
    }
    const sent: Sent = JSON.parse(sealer.open(kept.sealed, placeOf(keyHash)).toString('utf8'))
    return { ...sent, headers: { ...sent.headers, 'Idempotency-Replayed': 'true' } }
  }

  return { once }
}

const badKey: FieldError = {
  pointer: '/Idempotency-Key',
  code: 'invalid',
  detail: 'Use 1 to 255 printable ASCII characters, such as a UUID.',
}
