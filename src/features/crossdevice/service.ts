// Owns a request that one device makes and a person decides in a browser elsewhere (RFC 8628): who may decide it, and
// that it is decided once. A code that was typed belongs to that browser, and the decision to the session that looked
// at it there; nobody else can approve it. What is granted is src/oidc/device-approval.ts; what apps ask by themselves
// is ask-service.ts.
import { createHmac, type KeyObject } from 'node:crypto'
import { hashSecret, newId, randomToken } from '../../kernel/secrets.ts'
import { after, type Clock, fromSeconds, seconds } from '../../kernel/time.ts'
import type { Limiter } from '../../platform/limiter.ts'
import type { Queue } from '../../platform/queue.ts'
import type { Payload } from '../artifacts/kinds.ts'
import { currentUnit, stage } from '../artifacts/unit-of-work.ts'
import { answerArtifact } from '../artifacts/writes.ts'
import { pingOf } from './ping.ts'
import {
  type Claim,
  type ClaimedRow,
  type CrossDeviceStore,
  decideRequest,
  type Holder,
  insertRequest,
} from './store.ts'
import { readUserCode } from './user-codes.ts'

export type CrossDeviceDeps = {
  store: CrossDeviceStore
  sealer: { derive(purpose: string): KeyObject }
  limiter: Pick<Limiter, 'take' | 'refund'>
  queue: Pick<Queue, 'also'>
  clock: Clock
}

export type NewDevice = {
  code: string
  userCode: string
  clientId: string
  exp: number
}
export type Claimed =
  | { outcome: 'claimed'; claim: string }
  | { outcome: 'wrong' }
  | { outcome: 'limited'; retryAt: Date; retryAfterSeconds: number }

/** What its holder is asked to decide. */
export type HeldRequest = ClaimedRow & Holder
export type HeldDevice = HeldRequest & { userCode: string }

export type CrossDevice = ReturnType<typeof createCrossDevice>

export function createCrossDevice({ store, sealer, limiter, queue, clock }: CrossDeviceDeps) {
  const key = sealer.derive('user-codes')
  const hmacOf = (code: string): Buffer => createHmac('sha256', key).update(code).digest()

  /** In the unit of work of the request that makes the code. */
  function begin({ code, userCode, clientId, exp }: NewDevice): void {
    const now = clock.now()
    stage(
      currentUnit(),
      insertRequest({
        id: newId(now),
        kind: 'DeviceCode',
        idHash: hashSecret(code),
        clientId,
        userCodeHmac: hmacOf(userCode),
        createdAt: now,
        expiresAt: fromSeconds(exp),
      }),
    )
  }

  /** The claim as the browser keeps it: its secret, and the code to show once more. */
  function parseClaim(claim: string | undefined): (Claim & { userCode: string }) | undefined {
    const [secret, userCode] = claim?.split('.') ?? []
    if (!secret || !userCode || readUserCode(userCode) !== userCode) return undefined
    return { claimHash: hashSecret(secret), userCodeHmac: hmacOf(userCode), userCode }
  }

  /** RFC 8628 §5.1: each guess is counted before it is compared, and given back when it was none. */
  async function claim(
    typed: string,
    { addressPrefix, before }: { addressPrefix: string; before: string | undefined },
  ): Promise<Claimed> {
    const userCode = readUserCode(typed)
    if (userCode === undefined) return { outcome: 'wrong' }
    const now = clock.now()
    const guess = [{ name: 'device.address', key: addressPrefix } as const]
    const { allowed, retryAfterSeconds } = await limiter.take(guess, now)
    if (!allowed) {
      return { outcome: 'limited', retryAfterSeconds, retryAt: after(now, seconds(retryAfterSeconds)) }
    }
    const secret = randomToken()
    const mine = { claimHash: hashSecret(secret), userCodeHmac: hmacOf(userCode) }
    const known = parseClaim(before)?.claimHash ?? null
    if (!(await store.claim(mine, { before: known, now }))) return { outcome: 'wrong' }
    await limiter.refund(guess)
    return { outcome: 'claimed', claim: `${secret}.${userCode}` }
  }

  /** The request of this browser's claim, unless another session has it. */
  async function hold(claim: string | undefined, holder: Holder): Promise<HeldDevice | undefined> {
    const parsed = parseClaim(claim)
    const row = parsed && (await store.hold(parsed, { ...holder, now: clock.now() }))
    return row && { ...row, ...holder, userCode: parsed.userCode }
  }

  /** Gives the device its answer, in the unit of work: of two answers at the same moment one is written. */
  function decide(request: HeldRequest, answer: Payload): void {
    const unit = currentUnit()
    stage(unit, decideRequest(request.id, { ...request, now: clock.now() }, pingOf(queue)))
    stage(unit, answerArtifact(request.kind, request.idHash, answer))
  }

  return {
    begin,
    claim,
    hold,
    decide,
    /** The code of a claim, to be typed again without typing. */
    userCodeOf: (claim: string | undefined) => parseClaim(claim)?.userCode,
  }
}
