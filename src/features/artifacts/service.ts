// Owns what oidc-provider keeps, as one module: a unit of work per request, finds, saves and their commit.
// What a token is worth is decided in src/oidc.
import { limits } from '../../config/limits.ts'
import { hashSecret } from '../../kernel/secrets.ts'
import type { Clock } from '../../kernel/time.ts'
import { after, fromSeconds, seconds } from '../../kernel/time.ts'
import type { Write } from '../../platform/compose.ts'
import type { Db } from '../../platform/postgres.ts'
import type { Sealer } from '../../platform/sealer.ts'
import { createCommit } from './commit.ts'
import { createFinder } from './finder.ts'
import { openInteraction } from './interaction.ts'
import { createKeeper } from './keeper.ts'
import { revokedJwt } from './kinds.ts'
import { claimReplay, createFindTokens, findInteraction, findJwtState } from './reads.ts'
import type { Outage } from './refresh.ts'
import { deriveSuccessor } from './refresh.ts'
import { touchSession } from './session-writes.ts'
import { sweepExpired } from './store.ts'
import type { Origin, Unit } from './unit-of-work.ts'
import { currentUnit, inUnit, newUnit, stage } from './unit-of-work.ts'
import { endGrantOnce, insertEnded, updateInteraction } from './writes.ts'

export type ArtifactsDeps = {
  db: Db
  clock: Clock
  sealer: Sealer
  refreshTokenTtlSeconds: number
  lastOutage: () => Outage | undefined
  reuseFact: (unit: Unit, grantId: string) => Write
  reuseNotice: () => NonNullable<Write['also']>
}

export type Artifacts = ReturnType<typeof createArtifacts>

export function createArtifacts(deps: ArtifactsDeps) {
  const { db, clock, sealer, lastOutage } = deps
  const findTokens = createFindTokens(db)
  const finder = createFinder({ db, findTokens, clock, sealer, lastOutage })
  const keeper = createKeeper({
    clock,
    sealer,
    refreshFamilyTtlSeconds: deps.refreshTokenTtlSeconds * limits.refreshFamilyFactor,
  })
  const { commit } = createCommit({ ...deps, findTokens })
  const successorKey = sealer.derive('refresh-successor')

  /** Runs work in a unit of its own and commits what it staged. */
  async function run<T>(origin: Origin, work: () => Promise<T>): Promise<T> {
    const unit = newUnit(origin)
    const result = await inUnit(unit, work)
    await commit(unit, { refused: false })
    return result
  }

  /** The successor of the refresh token this request redeems, or nothing when it redeems none. */
  function successor(): string | undefined {
    const { presented } = currentUnit()
    return presented && deriveSuccessor(successorKey, presented.familyId, presented.id)
  }

  /** The parameters of an interaction that is over, so that the same browser can begin it again. */
  async function findForRestart(uid: string) {
    const found = await findInteraction(db, hashSecret(uid), clock.now())
    if (!found) return undefined
    return {
      clientId: found.client_id,
      browserHash: found.browser_hash,
      payload: openInteraction(sealer, uid, found.sealed),
    }
  }

  /** Keeps the proofs given so far in an interaction. */
  function saveAttempt(uid: string, attempt: Record<string, unknown>, accountId: string | null): void {
    const unit = currentUnit()
    unit.attempts.set(uid, attempt)
    stage(unit, updateInteraction(hashSecret(uid), { attempt, accountId, grantId: null }))
  }

  /** Ends the grant of something spent that was presented again; of many such requests one tells of it. */
  function endReused(grantId: string, fact: Write): void {
    const unit = currentUnit()
    unit.endsReused = true
    stage(unit, endGrantOnce(grantId, deps.reuseNotice()))
    stage(unit, fact)
  }

  /** Whether nobody has presented this one-time value before; until then nobody else can. */
  async function claimOnce(value: string, until: Date): Promise<boolean> {
    const seen = await claimReplay(db, hashSecret(value), { now: clock.now(), until })
    return seen === undefined
  }

  /** Ends one JWT access token before its time (RFC 7009); its row leaves when the token would have expired. */
  function revokeJwt(jti: string, exp: number): void {
    stage(currentUnit(), insertEnded(revokedJwt, hashSecret(jti), fromSeconds(exp)))
  }

  /** Keeps a session alive that lives as long as its refresh token. */
  function keepSession(uid: string): void {
    const now = clock.now()
    stage(
      currentUnit(),
      touchSession(uid, { now, expiresAt: after(now, seconds(deps.refreshTokenTtlSeconds)) }),
    )
  }

  return {
    ...finder,
    ...keeper,
    commit,
    run,
    successor,
    findForRestart,
    saveAttempt,
    keepSession,
    attemptOf: (uid: string) => currentUnit().attempts.get(uid) ?? {},
    jwtState: (jti: string, standing: { grantId?: string; sessionUid?: string | undefined } = {}) =>
      findJwtState(db, { jtiHash: hashSecret(jti), ...standing, now: clock.now() }),
    revokeJwt,
    claimOnce,
    endReused,
    sweep: () => sweepExpired(db, clock.now()),
  }
}
