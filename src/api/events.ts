// Owns live events: the facts of the audit log as they are sealed, to whoever may read it.
import { z } from 'zod'
import { limits } from '../config/limits.ts'
import type { Feed } from '../features/audit/feed-service.ts'
import { rateLimited } from '../kernel/errors.ts'
import { seconds } from '../kernel/time.ts'
import { type Frames, frameOf, heartbeat } from '../web/event-stream.ts'
import { presentFact, types } from './records.ts'
import type { Route } from './route.ts'
import { streamRoute } from './stream-route.ts'

export type EventRoutesDeps = { feed: Pick<Feed, 'placeBehind' | 'follow'> }

/** So soon a reader whose stream broke comes back. */
const retryMs = seconds(2)
const retryWhenFullSeconds = 30

const Query = z.strictObject({
  types: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(types)))
    .optional(),
  last_event_id: z
    .string()
    .regex(/^\d{1,15}$/, 'must be the id of an event')
    .transform(Number)
    .optional(),
})

type Telling = {
  place: number
  isWanted: (fact: { type: string }) => boolean
  isStillAllowed: () => Promise<boolean>
}

const framesOf = (feed: EventRoutesDeps['feed'], { place, isWanted, isStillAllowed }: Telling): Frames =>
  async function* frames(signal) {
    // Who is cut off before the first event comes back to this place
    yield frameOf({ id: place, retryMs })
    for await (const facts of feed.follow(place, signal)) {
      // Asked after reading: nothing is told to whom it was taken from meanwhile
      if (!(await isStillAllowed())) return
      if (facts.length === 0) yield heartbeat
      for (const { seq, ...fact } of facts) {
        if (isWanted(fact)) yield frameOf({ id: seq, event: fact.type, data: presentFact(fact) })
      }
      // What was left out need not be read again
      const last = facts.at(-1)
      if (last && !isWanted(last)) yield frameOf({ id: last.seq })
    }
  }

/** Counts the streams of a process, all of them and those of each caller. */
function createSeats() {
  const taken = new Map<string, number>()
  let total = 0

  function take(key: string): () => void {
    const own = taken.get(key) ?? 0
    if (total >= limits.eventStreams || own >= limits.eventStreamsPerCaller)
      throw rateLimited(retryWhenFullSeconds)
    total += 1
    taken.set(key, own + 1)
    return () => {
      total -= 1
      const left = (taken.get(key) ?? 1) - 1
      if (left > 0) taken.set(key, left)
      else taken.delete(key)
    }
  }

  return { take }
}

export function eventRoutes({ feed }: EventRoutesDeps): Route[] {
  const seats = createSeats()
  return [
    streamRoute({
      path: '/events',
      summary: 'What happens, as it happens: the facts of the audit log as Server-Sent Events.',
      description:
        'Server-Sent Events: `event` is the type of a fact, `data` the Fact as JSON, `id` what Last-Event-ID takes.',
      permission: { scope: 'audit:read', reach: 'installation' },
      limit: 'api.read',
      query: Query,
      async open({ caller, query: { types: wanted, last_event_id: heard }, isStillAllowed }) {
        const place = await feed.placeBehind(heard)
        const leave = seats.take(caller.key)
        const isWanted = ({ type }: { type: string }) => !wanted || wanted.includes(type)
        const frames = framesOf(feed, { place, isWanted, isStillAllowed })
        return async function* seated(signal) {
          try {
            yield* frames(signal)
          } finally {
            leave()
          }
        }
      },
    }),
  ]
}
