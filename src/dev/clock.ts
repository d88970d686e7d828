// Owns POST /dev/clock, with which a test bench lets time pass. Mounted with test hooks only.
// Moving the clock of every process on this database is the timekeeper's work.
import { Router } from '@koa/router'
import { z } from 'zod'
import type { Clock } from '../kernel/time.ts'
import { parse, readJson } from '../web/input.ts'

export type DevClockDeps = {
  clock: Clock
  /** Resolves when the move is stored and this process follows it. */
  timekeeper: { advance(seconds: number): Promise<unknown> }
  /** Jobs are due by the database's clock, which stays where it is. */
  queue: { bringForward(milliseconds: number): Promise<void> }
}

const tenYearsInSeconds = 315_360_000

// Forwards only: what was issued "later" would otherwise exist already, as it never does in the world outside.
const Advance = z.strictObject({ advance_seconds: z.number().min(0).max(tenYearsInSeconds) })

export function createDevClock({ clock, timekeeper, queue }: DevClockDeps): Router {
  const router = new Router()

  router.post('/dev/clock', async (ctx) => {
    ctx.state.wants = 'json'
    const { advance_seconds: seconds } = parse(Advance, await readJson(ctx))
    await timekeeper.advance(seconds)
    await queue.bringForward(Math.round(seconds * 1000))
    ctx.body = { now: clock.now().toISOString() }
  })

  return router
}
