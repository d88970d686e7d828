// Owns time: one Clock for every decision, held to the database's time by platform/timekeeper.ts.
// SQL gets its time from it as a parameter; nothing else reads the system clock.

export type Clock = {
  now(): Date
  /** Milliseconds since the epoch. */
  millis(): number
  /** Whole seconds since the epoch, as `iat` and `exp` count (RFC 7519 §2). */
  seconds(): number
}

export type AdjustableClock = Clock & {
  /** Moves the clock against the system's by so many milliseconds. */
  setOffset(milliseconds: number): void
  offset(): number
}

const systemNow = Date.now.bind(Date)

export function createClock(): AdjustableClock {
  let offsetMs = 0
  const millis = () => systemNow() + offsetMs
  return {
    millis,
    now: () => new Date(millis()),
    seconds: () => Math.floor(millis() / 1000),
    setOffset: (milliseconds) => {
      offsetMs = milliseconds
    },
    offset: () => offsetMs,
  }
}

/** The system's own time, for measuring how far the database's is from it. */
export const systemMillis = (): number => systemNow()

/** The same as ISO 8601 text, for the log. */
export const systemTime = (): string => new Date(systemNow()).toISOString()

/** Test hooks only: libraries that ask Date.now get the Clock's answer too. */
export function replaceDateNow(clock: Clock): void {
  Date.now = () => clock.millis()
}

/** Elapsed seconds since an earlier call, for metrics; unaffected by clock changes. */
export function stopwatch(): () => number {
  const startedAt = performance.now()
  return () => (performance.now() - startedAt) / 1000
}

export const seconds = (count: number): number => count * 1000
export const minutes = (count: number): number => count * 60_000
export const hours = (count: number): number => count * 3_600_000
export const days = (count: number): number => count * 86_400_000

export const after = (date: Date, milliseconds: number): Date => new Date(date.getTime() + milliseconds)
export const fromSeconds = (epochSeconds: number): Date => new Date(epochSeconds * 1000)
/** A timestamp as PostgreSQL writes it in JSON. */
export const dateOf = (text: string): Date => new Date(text)
