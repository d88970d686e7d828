// Owns how long anything takes: when a server is warm, and how long a run will be.

export type WarmUp = { seconds: number; operations: number; mostSeconds: number }
export type Effort = { rounds: number; seconds: number; warmUp: WarmUp }

/** So much has been done, in so many seconds. */
export type Progress = { seconds: number; operations: number }

/**
 * By time and by operations: V8 compiles what is called often, so that a slow server, warmed by time alone, would be
 * measured colder than a fast one. The cap keeps a very slow one from holding up the run.
 */
export function isWarm(done: Progress, { seconds, operations, mostSeconds }: WarmUp): boolean {
  return done.seconds >= mostSeconds || (done.seconds >= seconds && done.operations >= operations)
}

type Which = { round: number; share: number }

/** What is compiled stays compiled: in later rounds a warm-up only brings the caches back. */
export function warmUpOf({ seconds, operations, mostSeconds }: WarmUp, { round, share }: Which): WarmUp {
  const wanted = Math.ceil(operations * share)
  if (round === 1) return { seconds, operations: wanted, mostSeconds }
  return {
    seconds: Math.min(seconds, 1.5),
    operations: Math.ceil(wanted / 8),
    mostSeconds: Math.min(mostSeconds, 6),
  }
}

/** One line of the table or one study: what it takes in each round. */
export type Stage = { name: string; warmUps: number; measuredSeconds: number }

/** Seconds at least, and when the cap ends every warm-up. Signing in before a cell is not counted. */
export function lengthOf({ warmUps, measuredSeconds }: Stage, { rounds, warmUp }: Effort) {
  let [least, most] = [0, 0]
  for (let round = 1; round <= rounds; round += 1) {
    const { seconds, mostSeconds } = warmUpOf(warmUp, { round, share: 1 })
    least += measuredSeconds + warmUps * Math.min(seconds, mostSeconds)
    most += measuredSeconds + warmUps * mostSeconds
  }
  return { least, most }
}
