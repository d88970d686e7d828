// Owns the end of a unit of work: one statement, and what happens when another request was first.
import type { Clock } from '../../kernel/time.ts'
import type { Write } from '../../platform/compose.ts'
import { compose, isTakenBack } from '../../platform/compose.ts'
import type { Db } from '../../platform/postgres.ts'
import { createKeepArtifact } from './new-artifacts.ts'
import type { FindTokens } from './reads.ts'
import type { Outage } from './refresh.ts'
import { useOf } from './refresh.ts'
import type { Presented, Unit } from './unit-of-work.ts'
import { endGrantOnce, holdUnusedChild } from './writes.ts'

/**
 * `lost`: a guard met a row that another request had spent, and nothing was written.
 * `reused`: the same, and what the spent code or token had given is ended.
 */
export type Outcome = 'committed' | 'lost' | 'reused'

export type CommitDeps = {
  db: Db
  findTokens: FindTokens
  clock: Clock
  lastOutage: () => Outage | undefined
  /** The audit row of a reuse, written with the end of the grant. */
  reuseFact: (unit: Unit, grantId: string) => Write
  /** What tells the person of it, for the row of the grant. */
  reuseNotice: () => NonNullable<Write['also']>
}

export function createCommit({ db, findTokens, clock, lastOutage, reuseFact, reuseNotice }: CommitDeps) {
  const keepArtifact = createKeepArtifact(db)

  async function run(writes: Write[]): Promise<boolean> {
    try {
      const [row] = await db.query<{ ok: boolean }>(compose(writes))
      return row?.ok === true
    } catch (error) {
      if (isTakenBack(error)) return false
      throw error
    }
  }

  /** The winner has committed by now: the lost compare-and-set waited for its row. */
  async function endGrant(unit: Unit, grantId: string): Promise<Outcome> {
    // Of many losers the one that ends the grant tells of it
    await run([endGrantOnce(grantId, reuseNotice()), reuseFact(unit, grantId)])
    return 'reused'
  }

  /** Another request rotated the same token first: inside the grace this one gets the same successor. */
  async function replay(unit: Unit, writes: Write[], presented: Presented): Promise<Outcome> {
    const childHash = presented.childHash
    if (!childHash) return endGrant(unit, presented.grantId)

    const [row] = await findTokens({ hash: presented.hash, kinds: ['RefreshToken'], now: clock.now() })
    const use =
      row &&
      useOf(
        {
          consumedAt: row.consumed_at,
          hasChild: row.has_child ?? false,
          childConsumed: row.child_consumed ?? false,
          graceSeconds: row.grace_seconds ?? 0,
        },
        clock.now(),
        lastOutage(),
      )
    if (use !== 'replay') return endGrant(unit, presented.grantId)

    const others = writes.filter((write) => !write.shape.startsWith('refresh'))
    const held = await run([holdUnusedChild(presented.hash, childHash), ...others])
    return held ? 'committed' : endGrant(unit, presented.grantId)
  }

  /**
   * Writes what the unit staged. `refused` says that the handler answered with an error: then only revocations
   * and sessions are written, and no token is.
   */
  async function commit(unit: Unit, { refused }: { refused: boolean }): Promise<Outcome> {
    const { presented } = unit
    const replaying = presented?.use === 'replay' && presented.childHash !== undefined
    const writes = [...unit.writes.values()].filter((write) => !refused || write.survivesRefusal)
    if (replaying && !refused && presented.childHash && writes.length > 0) {
      writes.unshift(holdUnusedChild(presented.hash, presented.childHash))
    }
    const [first, ...more] = writes
    if (!first) return 'committed'
    if (first.artifact && more.length === 0) {
      await keepArtifact(first.artifact)
      return 'committed'
    }
    if (await run(writes)) return 'committed'

    // Another request has ended that grant and told of it; this one has been refused all the same.
    if (unit.endsReused) return 'committed'
    if (presented?.childHash) return replay(unit, writes, presented)
    if (unit.spentCode) return endGrant(unit, unit.spentCode.grantId)
    return 'lost'
  }

  return { commit }
}
