// Owns Server-Sent Events (HTML §9.2): their form, and sending them no faster than they are read. What is told is up to
// the frames that are handed in.
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import type Koa from 'koa'
import type { Log } from '../platform/log.ts'

export const eventStreamType = 'text/event-stream'

/** Made until the signal says that nobody reads any more. */
export type Frames = (signal: AbortSignal) => AsyncIterable<string>

export type Frame = { id: number; event?: string; data?: unknown; retryMs?: number }

/** JSON has no line breaks of its own. Without data the reader keeps the id and is told nothing. */
export function frameOf({ id, event, data, retryMs }: Frame): string {
  const lines = [
    retryMs !== undefined && `retry: ${retryMs}`,
    `id: ${id}`,
    event !== undefined && `event: ${event}`,
    data !== undefined && `data: ${JSON.stringify(data)}`,
  ]
  return `${lines.filter((line) => line !== false).join('\n')}\n\n`
}

/** A comment keeps proxies from taking a quiet stream for a dead one. */
export const heartbeat = ': alive\n\n'

export type SendEvents = { log: Log; patienceMs: number }

/** Answers with the frames. A reader that lets its buffer stand full for too long is let go of. */
export function sendEvents(ctx: Koa.Context, frames: Frames, { log, patienceMs }: SendEvents): void {
  const { requestId } = ctx.state
  const body = new PassThrough()
  const over = new AbortController()
  body.once('close', () => over.abort())
  ctx.type = eventStreamType
  // Buffered by a proxy, nothing would be live
  ctx.set('X-Accel-Buffering', 'no')
  ctx.body = body

  async function pump(): Promise<void> {
    for await (const frame of frames(over.signal)) {
      if (over.signal.aborted) return
      if (body.write(frame)) continue
      const tooSlow = setTimeout(() => body.destroy(), patienceMs)
      await once(body, 'drain', { signal: over.signal }).catch(() => undefined)
      clearTimeout(tooSlow)
    }
    body.end()
  }

  pump().catch((err: unknown) => {
    // What was told so far stands; the reader comes back for the rest
    log.warn({ event: 'events.stream_failed', requestId, err })
    body.end()
  })
}
