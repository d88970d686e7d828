// Listens to Server-Sent Events as a program would: an id, a type and data for each, and how the stream ends.
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiBody } from './management.ts'

export type HeardEvent = { id: string; event: string; data: ApiBody }

export type Listening = {
  status: number
  headers: Headers
  /** Everything so far, as it came. */
  text(): string
  heard: HeardEvent[]
  /** The id to come back with. */
  lastId(): string
  /** Waits until so many were heard. */
  count(most: number, withinMs?: number): Promise<HeardEvent[]>
  /** Resolves when the other side has ended it; false when that takes too long. */
  ends(withinMs?: number): Promise<boolean>
  close(): Promise<void>
}

export type ListenOptions = {
  as: string
  query?: string
  lastEventId?: string
  /** Of the issuer, where a process is asked at another address. */
  host?: string
}

const fieldOf = (frame: string, name: string): string | undefined =>
  frame
    .split('\n')
    .find((line) => line.startsWith(`${name}: `))
    ?.slice(name.length + 2)

export async function listenTo(
  origin: string,
  { as, query = '', lastEventId, host }: ListenOptions,
): Promise<Listening> {
  const { hostname, port, host: own } = new URL(origin)
  const outgoing = request({
    host: hostname,
    port,
    path: `/api/v1/events${query}`,
    headers: {
      authorization: `Bearer ${as}`,
      ...(lastEventId && { 'last-event-id': lastEventId }),
      host: host ?? own,
    },
  }).end()
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  const heard: HeardEvent[] = []
  let text = ''
  let unread = ''
  let lastId = ''
  let isOver = false

  function take(frame: string): void {
    lastId = fieldOf(frame, 'id') ?? lastId
    const data = fieldOf(frame, 'data')
    if (data !== undefined)
      heard.push({ id: lastId, event: fieldOf(frame, 'event') ?? '', data: JSON.parse(data) })
  }
  async function read(): Promise<void> {
    const decoder = new TextDecoder()
    for await (const chunk of response) {
      const more = decoder.decode(chunk as Buffer, { stream: true })
      text += more
      unread += more
      const frames = unread.split('\n\n')
      unread = frames.pop() ?? ''
      frames.forEach(take)
    }
  }
  const reading = read()
    .catch(() => undefined)
    .finally(() => {
      isOver = true
    })

  async function until(done: () => boolean, withinMs: number): Promise<boolean> {
    const deadline = performance.now() + withinMs
    while (!done() && performance.now() < deadline) await sleep(10)
    return done()
  }

  return {
    status: response.statusCode ?? 0,
    headers: new Headers(response.headers as Record<string, string>),
    text: () => text,
    heard,
    lastId: () => lastId,
    count: async (most, withinMs = 15_000) => {
      if (!(await until(() => heard.length >= most, withinMs)))
        throw new Error(`only ${heard.length} of ${most} events came: ${text}`)
      return heard
    },
    ends: (withinMs = 15_000) => until(() => isOver, withinMs),
    close: async () => {
      response.destroy()
      await reading
    },
  }
}
