// Owns the agreement of the Clock with the database's time, the heartbeat of the installation, and the clock that
// test benches move. Other modules only ask the Clock.
import { unavailable } from '../kernel/errors.ts'
import { type AdjustableClock, systemMillis } from '../kernel/time.ts'
import type { Listener } from './listener.ts'
import type { Log } from './log.ts'
import type { Db } from './postgres.ts'

export type Outage = { downSince: Date; upSince: Date }

export type Timekeeper = {
  start(): Promise<void>
  /** How far the database's clock is ahead of the system's. */
  skewMs(): number
  /** Throws while the two clocks are so far apart that one of them must be wrong: not ready. */
  assertInStep(): void
  /** Test hooks only: moves the clock of every process and returns the new time. */
  advance(seconds: number): Promise<Date>
  lastOutage(): Outage | undefined
  stop(): Promise<void>
}

export type TimekeeperDeps = {
  db: Db
  clock: AdjustableClock
  listener: Listener
  testHooks: boolean
  log: Log
  /** False for commands: they must not pass for the service being up. */
  heartbeat?: boolean
}

type Row = {
  database_now: Date
  clock_offset_ms: number
  down_since: Date | null
  up_since: Date | null
}

const channel = 'foyer_clock'
const beatEveryMs = 2_000
/** From one beat to the next, a slow database included, less than this passes. */
const outageAfterMs = { atStart: 3_000, whileRunning: 5_000 }
const warnAboveMs = 2_000
const distrustAboveMs = 30_000
/** Below this the system's clock is good enough, and steadier than any correction. */
const correctAboveMs = 1_000
const worthChangingMs = 500

const returned = 'clock_timestamp() AS database_now, clock_offset_ms, down_since, up_since'

const readStatement = {
  name: 'timekeeper.read',
  text: `SELECT ${returned} FROM instance WHERE id = 1`,
  values: [],
}

const beatStatement = (now: Date, outageMs: number) => ({
  name: 'timekeeper.beat',
  text: `
    UPDATE instance
    SET down_since = CASE WHEN alive_at < $2 THEN alive_at ELSE down_since END,
        up_since = CASE WHEN alive_at < $2 THEN $1 ELSE up_since END,
        alive_at = $1
    WHERE id = 1
    RETURNING ${returned}`,
  values: [now, new Date(now.getTime() - outageMs)],
})

/** The heartbeat moves along, or the jump would look like an outage. */
const advanceStatement = (milliseconds: number) => ({
  text: `
    WITH moved AS (
      UPDATE instance
      SET clock_offset_ms = clock_offset_ms + $1::bigint,
          alive_at = alive_at + $1::bigint * interval '1 millisecond'
      WHERE id = 1
      RETURNING clock_offset_ms)
    SELECT clock_offset_ms, pg_notify('${channel}', clock_offset_ms::text) FROM moved`,
  values: [milliseconds],
})

export function createTimekeeper(deps: TimekeeperDeps): Timekeeper {
  const { db, clock, listener, testHooks, log, heartbeat = true } = deps
  let skew = 0
  let correction = 0
  let testOffset = 0
  let outage: Outage | undefined
  let timer: NodeJS.Timeout | undefined
  let stopped = false

  const setClock = () => clock.setOffset(correction + testOffset)

  function adoptTestOffset(milliseconds: number): void {
    if (!testHooks || !Number.isFinite(milliseconds)) return
    testOffset = milliseconds
    setClock()
  }

  function adoptSkew(measured: number): void {
    const far = Math.abs(measured) > warnAboveMs
    if (far && Math.abs(measured - skew) > worthChangingMs) {
      log.warn(
        { skewMs: Math.round(measured) },
        "this machine's clock differs from the database's, which counts",
      )
    }
    skew = measured
    const wanted = Math.abs(measured) > correctAboveMs ? measured : 0
    if (Math.abs(wanted - correction) > worthChangingMs) correction = wanted
    setClock()
  }

  async function exchange(statement: { text: string; values: unknown[] }): Promise<void> {
    const sentAt = systemMillis()
    const [row] = await db.query<Row>(statement)
    const receivedAt = systemMillis()
    if (!row) throw new Error('The table instance has no row: run `foyer migrate`.')

    adoptTestOffset(row.clock_offset_ms)
    // The answer was given somewhere in between; a slow one says nothing about a small difference
    const measured = row.database_now.getTime() - (sentAt + receivedAt) / 2
    if (Math.abs(measured) > receivedAt - sentAt || receivedAt - sentAt < correctAboveMs / 4)
      adoptSkew(measured)
    if (row.down_since && row.up_since) outage = { downSince: row.down_since, upSince: row.up_since }
  }

  const beat = (outageMs: number) =>
    exchange(heartbeat ? beatStatement(clock.now(), outageMs) : readStatement)

  function keepBeating(): void {
    if (stopped) return
    timer = setTimeout(async () => {
      await beat(outageAfterMs.whileRunning).catch((error: unknown) => {
        log.debug({ event: 'clock.beat_lost', err: error }, 'a heartbeat was lost')
      })
      keepBeating()
    }, beatEveryMs)
    timer.unref()
  }

  return {
    start: async () => {
      listener.on(channel, (payload) => adoptTestOffset(Number(payload)))
      // The clock must be right before it is written down as the time of a heartbeat
      await exchange(readStatement)
      await beat(outageAfterMs.atStart)
      keepBeating()
    },
    skewMs: () => skew,
    assertInStep: () => {
      if (Math.abs(skew) > distrustAboveMs) throw unavailable('clock_out_of_step')
    },
    advance: async (seconds) => {
      if (!testHooks) throw new Error('The clock can be moved with FOYER_TEST_HOOKS only.')
      const [row] = await db.query<{ clock_offset_ms: number }>(advanceStatement(Math.round(seconds * 1000)))
      adoptTestOffset(row?.clock_offset_ms ?? testOffset)
      return clock.now()
    },
    lastOutage: () => outage,
    stop: async () => {
      stopped = true
      clearTimeout(timer)
      if (heartbeat) await beat(outageAfterMs.whileRunning).catch(() => undefined)
    },
  }
}
