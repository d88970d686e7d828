// Owns a route that goes on answering: Server-Sent Events, from where the reader has heard the last one.
import { z } from 'zod'
import { eventStreamType, type Frames } from '../web/event-stream.ts'
import { parse } from '../web/input.ts'
import type { Caller } from './caller.ts'
import type { Route } from './route.ts'

type StreamDeclaration<Query extends z.ZodType> = Pick<Route, 'path' | 'summary' | 'permission' | 'limit'> & {
  query: Query
  /** What each frame is, in words. */
  description: string
  open(ask: {
    caller: Caller
    query: z.output<Query>
    /** Whether the caller may still have what is about to be told. */
    isStillAllowed: () => Promise<boolean>
  }): Promise<Frames>
}

/** HTML §9.2.4: a reader that comes back says in a header what it heard last; where it can set none, in the query. */
export function streamRoute<Query extends z.ZodType>({
  query,
  description,
  open,
  ...declared
}: StreamDeclaration<Query>): Route {
  return {
    ...declared,
    method: 'GET',
    params: z.strictObject({}),
    query,
    body: undefined,
    paged: false,
    answer: { status: 200, schema: z.string().describe(description), type: eventStreamType },
    prepare(raw, { caller, isStillAllowed, lastEventId }) {
      const heard = lastEventId === '' ? {} : { last_event_id: lastEventId }
      const asked = parse(query, { ...(raw.query as object), ...heard })
      return async () => ({ body: await open({ caller, query: asked, isStillAllowed }) })
    },
  }
}
