// Owns how a request learns which limits were spent for it, wherever in its handling that was.
// What a client is told of them is web/limit.ts.
import { AsyncLocalStorage } from 'node:async_hooks'
import type { RateName } from '../config/limits.ts'

/** How a bucket stands after an attempt was counted, or refused. */
export type LimitReport = {
  name: RateName
  remaining: number
  /** Until the whole burst is there again. */
  resetSeconds: number
}

export type LimitReports = Map<RateName, LimitReport>

const storage = new AsyncLocalStorage<LimitReports>()

/** Runs work, and notes in `reports` what is reported meanwhile. */
export const withReports = <T>(reports: LimitReports, work: () => T): T => storage.run(reports, work)

/** Notes how a limit stands; of several reports of one limit the tightest counts. */
export function reportLimit(report: LimitReport): void {
  const reports = storage.getStore()
  const before = reports?.get(report.name)
  if (!before || report.remaining < before.remaining) reports?.set(report.name, report)
}
