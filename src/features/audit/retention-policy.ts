// Owns which months of the audit log there must be and which have had their time. Months are those of UTC.
import { after, days } from '../../kernel/time.ts'

/** Named for its part: `2026_11`. */
export type Month = { name: string; from: Date; to: Date }

/** Made ahead, so that jobs may rest for that long. */
const monthsAhead = 2

const monthAt = (year: number, month: number): Month => {
  const from = new Date(Date.UTC(year, month))
  return {
    name: from.toISOString().slice(0, 7).replace('-', '_'),
    from,
    to: new Date(Date.UTC(year, month + 1)),
  }
}

export const monthsNeeded = (now: Date): Month[] =>
  Array.from({ length: monthsAhead + 1 }, (_, ahead) =>
    monthAt(now.getUTCFullYear(), now.getUTCMonth() + ahead),
  )

/** The month of a part; nothing for the one that takes what no month is there for. */
export function monthOf(part: string): Month | undefined {
  const [, year, month] = /^audit_events_(\d{4})_(\d\d)$/.exec(part) ?? []
  return year === undefined || month === undefined ? undefined : monthAt(Number(year), Number(month) - 1)
}

/** Facts before it have had their time: always the beginning of a month, so that they go by whole parts. */
export function keptFrom(now: Date, retentionDays: number): Date {
  const oldest = after(now, -days(retentionDays))
  return monthAt(oldest.getUTCFullYear(), oldest.getUTCMonth()).from
}

/** The setting goes no lower. A fact which says that something younger was dropped does not tell of the retention. */
export const shortestRetentionDays = 31

/** From when on facts must be there, as the newest fact about the retention says; from the beginning without one. */
export function keptSince(told: { at: Date; before: Date } | undefined, now: Date): Date {
  const beginning = new Date(0)
  if (!told || Number.isNaN(told.before.getTime()) || told.at > after(now, days(1))) return beginning
  return told.before <= after(told.at, -days(shortestRetentionDays - 1)) ? told.before : beginning
}
