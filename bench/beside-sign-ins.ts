// Goal 9: what everybody else notices while password sign-ins saturate the hash queue. Two probes at a modest fixed
// rate, first alone and then beside twice as many sign-ins as can be hashed; those beyond the bound of the queue are
// answered 503 at once, which is right, and counted. The server has both cores here, as it has when nobody measures it,
// and shares them with its database and with those who ask.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Connection, openConnection } from './client.ts'
import { crowdMember, gatherCrowd } from './crowd.ts'
import { type Effort, isWarm, type Stage, warmUpOf } from './effort.ts'
import { repeat } from './measure.ts'
import { lending, openLoop } from './open-loop.ts'
import { visitor } from './people.ts'
import { askForJwt, introspecting, type Operation, type Scenario } from './scenarios.ts'
import { beginSignIn, expectStatus, isTurnedAway, typePassword } from './sign-in.ts'
import { quantile } from './statistics.ts'
import { type Foyer, place, type Target } from './targets.ts'

export type Latency = { p50Ms: number; p99Ms: number; samples: number }
export type Probes = { token: Latency; introspection: Latency }
export type Round = {
  unloaded: Probes
  loaded: Probes
  offeredPerSecond: number
  /** While the probes ran. */
  signedIn: number
  turnedAway: number
}
export type BesideSignIns = { rounds: Round[] }

const probesPerSecond = 50
const probeConnections = 16
/** More than a full queue of 64 holds on to. */
const signInConnections = 128
const longestFillMs = 10_000
/** Who signs in for the probes; those who sign in beside them are a crowd. */
export const peopleBesides = probeConnections

/** Longer than a cell of the table, or the 99th percentile would rest on a sample or two. */
const probeSeconds = ({ seconds }: Pick<Effort, 'seconds'>): number => 2.5 * seconds

export const stageBesideSignIns = (effort: Pick<Effort, 'seconds'>): Stage => ({
  name: 'beside saturating sign-ins',
  warmUps: 3,
  measuredSeconds: 2 * probeSeconds(effort),
})

type Probing = Record<keyof Probes, Operation[]>

export async function measureBesideSignIns(
  target: Foyer,
  effort: Effort,
  say: (text: string) => void,
): Promise<BesideSignIns> {
  await gatherCrowd(target)
  place(target, 'both')
  const count = 2 * probeConnections + signInConnections
  const connections = await Promise.all(Array.from({ length: count }, () => openConnection(target.port)))
  try {
    const probing: Probing = {
      token: await prepared(askForJwt, target, connections.slice(0, probeConnections)),
      introspection: await prepared(
        introspecting,
        target,
        connections.slice(probeConnections, 2 * probeConnections),
      ),
    }
    const signIns = createSignIns(target, connections.slice(2 * probeConnections))
    const rounds: Round[] = []
    for (let round = 1; round <= effort.rounds; round += 1) {
      // A round in which the neighbours were noisy finds less than there is, and would not fill the queue.
      const leastPerSecond = Math.max(0, ...rounds.map(({ offeredPerSecond }) => offeredPerSecond))
      const found = await measureRound({ probing, signIns, effort, round, leastPerSecond })
      say(`round ${round}  ${describe(found)}\n`)
      rounds.push(found)
    }
    return { rounds }
  } finally {
    for (const connection of connections) connection.close()
  }
}

async function prepared(
  prepare: Scenario['prepare'],
  target: Target,
  connections: Connection[],
): Promise<Operation[]> {
  const operations: Operation[] = []
  for (const [worker, connection] of connections.entries())
    operations.push(await prepare({ target, connection, visitor: visitor(worker) }))
  return operations
}

/** False when the server turned it away. */
async function isDone(operation: Operation): Promise<boolean> {
  try {
    await operation()
    return true
  } catch (error) {
    if (isTurnedAway(error)) return false
    throw error
  }
}

type SignIns = ReturnType<typeof createSignIns>

function createSignIns(target: Target, connections: Connection[]) {
  const lend = lending(connections)
  const counts = { signedIn: 0, turnedAway: 0 }
  let attempts = 0

  async function attempt(isOver = () => false): Promise<boolean> {
    const person = crowdMember(attempts++)
    return lend(async (connection) => {
      // Whoever still waits for a connection when it is over need not ask any more.
      if (isOver()) return false
      const bench = { target, connection, visitor: person }
      const isSignedIn = await isDone(async () => {
        expectStatus(await typePassword(bench, await beginSignIn(bench)), 303)
      })
      if (isSignedIn) counts.signedIn += 1
      else counts.turnedAway += 1
      return isSignedIn
    })
  }

  async function whenFull(): Promise<void> {
    const { turnedAway } = counts
    const endsAt = performance.now() + longestFillMs
    while (counts.turnedAway === turnedAway && performance.now() < endsAt) await sleep(20)
  }

  /** Sign-ins at this rate for as long as the work takes, which begins when the queue is full. */
  async function during<Result>(perSecond: number, work: () => Promise<Result>): Promise<Result> {
    let over = false
    const isOver = () => over
    const beside = whenFull()
      .then(work)
      .finally(() => {
        over = true
      })
    const load = openLoop({ perSecond, isOver, operation: () => attempt(isOver) })
    const [result] = await Promise.all([beside, load])
    return result
  }

  return { attempt, during, counts }
}

type RoundToMeasure = {
  probing: Probing
  signIns: SignIns
  effort: Effort
  round: number
  leastPerSecond: number
}

async function measureRound(options: RoundToMeasure): Promise<Round> {
  const { probing, signIns, effort, round, leastPerSecond } = options
  const warm = (operations: Operation[], share: number) => {
    const wanted = warmUpOf(effort.warmUp, { round, share })
    return repeat(operations, (done) => isWarm(done, wanted))
  }
  await warm(probing.token, 1)
  await warm(probing.introspection, 1)
  const { latencies, elapsedSeconds } = await warm(
    Array(8).fill(async () => void (await signIns.attempt())),
    1 / 2,
  )

  const seconds = probeSeconds(effort)
  const offeredPerSecond = Math.max(leastPerSecond, (2 * latencies.length) / elapsedSeconds)
  const unloaded = await probe(probing, seconds)
  return signIns.during(offeredPerSecond, async () => {
    const before = { ...signIns.counts }
    const loaded = await probe(probing, seconds)
    return {
      unloaded,
      loaded,
      offeredPerSecond,
      signedIn: signIns.counts.signedIn - before.signedIn,
      turnedAway: signIns.counts.turnedAway - before.turnedAway,
    }
  })
}

async function probe({ token, introspection }: Probing, seconds: number): Promise<Probes> {
  const endsAt = performance.now() + seconds * 1000
  const run = async (operations: Operation[]): Promise<Latency> => {
    const lend = lending(operations)
    const latencies = await openLoop({
      perSecond: probesPerSecond,
      isOver: () => performance.now() >= endsAt,
      operation: () => lend(isDone),
    })
    return {
      p50Ms: quantile(latencies, 0.5),
      p99Ms: quantile(latencies, 0.99),
      samples: latencies.length,
    }
  }
  const [ofToken, ofIntrospection] = await Promise.all([run(token), run(introspection)])
  return { token: ofToken, introspection: ofIntrospection }
}

function describe({ unloaded, loaded, offeredPerSecond, signedIn, turnedAway }: Round): string {
  const p99 = (name: keyof Probes) =>
    `${unloaded[name].p99Ms.toFixed(1)} → ${loaded[name].p99Ms.toFixed(1)} ms`
  const load = `${offeredPerSecond.toFixed(0)} sign-ins/s offered, ${signedIn} made, ${turnedAway} turned away`
  return `p99 of tokens ${p99('token')}, of introspection ${p99('introspection')}; ${load}`
}
