// Owns the end of a unit of work: one statement, and what happens when another request was first.
import type { Clock } from '../../kernel/time.ts'
import type { Write } from '../../platform/compose.ts'
import { compose } from '../../platform/compose.ts'
import { sqlState } from '../../platform/database-errors.ts'
import type { Db, Statement } from '../../platform/postgres.ts'
import { createKeepArtifact } from './new-artifacts.ts'
import type { FindTokens } from './reads.ts'
import type { Outage } from './refresh.ts'
import { useOf } from './refresh.ts'
import { type Presented, stage, type Unit } from './unit-of-work.ts'
import { deleteGrant, holdUnusedChild } from './writes.ts'

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

const divisionByZero = '22012'

/**
 * PostgreSQL runs every guard, whatever became of the others. Where there are several, a division by the gate fails
 * when one of them met no row, and takes back what the others wrote.
 */
function allOrNothing({ name, text, values }: Statement): Statement {
  return {
    name: `${name}_all`,
    text: text.replace(/SELECT ok FROM gate$/, 'SELECT 1 / ok::int = 1 AS ok FROM gate'),
    values,
  }
}

export function createCommit({ db, findTokens, clock, lastOutage, reuseFact, reuseNotice }: CommitDeps) {
  const keepArtifact = createKeepArtifact(db)

  async function run(writes: Write[]): Promise<boolean> {
    const statement = compose(writes)
    const guards = writes.filter((write) => write.guard).length
    try {
      const [row] = await db.query<{ ok: boolean }>(guards > 1 ? allOrNothing(statement) : statement)
      return row?.ok === true
    } catch (error) {
      if (sqlState(error) === divisionByZero) return false
      throw error
    }
  }

  const telling = (write: Write): Write => ({ ...write, shape: `${write.shape}+notice`, also: reuseNotice() })

  /** The winner has committed by now: the lost compare-and-set waited for its row. */
  async function endGrant(unit: Unit, grantId: string): Promise<Outcome> {
    await run([telling(deleteGrant(grantId)), reuseFact(unit, grantId)])
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
    if (unit.reusedGrant !== undefined) stage(unit, telling(deleteGrant(unit.reusedGrant)))
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

    if (presented?.childHash) return replay(unit, writes, presented)
    if (unit.spentCode) return endGrant(unit, unit.spentCode.grantId)
    return 'lost'
  }

  return { commit }
}
