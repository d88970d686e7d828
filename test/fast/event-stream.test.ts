// The form of Server-Sent Events, and readers that are slow or gone.
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import Koa from 'koa'
import { afterEach, describe, expect, it } from 'vitest'
import { type Frames, frameOf, sendEvents } from '../../src/web/event-stream.ts'
import { silentLog } from '../support/postgres.ts'

let server: Server | undefined
afterEach(async () => {
  if (!server) return
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
  server = undefined
})

async function serve(frames: Frames, patienceMs = 300): Promise<number> {
  const app = new Koa()
  app.silent = true
  app.use((ctx) => sendEvents(ctx, frames, { log: silentLog(), patienceMs }))
  server = createServer(app.callback()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
const urlOf = (port: number) => `http://127.0.0.1:${port}/`

describe('a frame', () => {
  it.each([
    [{ id: 1, retryMs: 2000 }, 'retry: 2000\nid: 1\n\n'],
    [{ id: 7 }, 'id: 7\n\n'],
    [
      { id: 7, event: 'a.b', data: { text: 'two\nlines' } },
      'id: 7\nevent: a.b\ndata: {"text":"two\\nlines"}\n\n',
    ],
  ])('of %j is of the standard', (frame, text) => {
    expect(frameOf(frame)).toBe(text)
  })
})

describe('an event stream', () => {
  it('lets go of a reader that does not read, and holds no more for it than a buffer', async () => {
    let made = 0
    let isOver: () => void = () => undefined
    const over = new Promise<void>((resolve) => {
      isOver = resolve
    })
    const port = await serve(async function* endless(signal) {
      try {
        while (!signal.aborted) {
          made += 1
          yield frameOf({ id: made, data: 'x'.repeat(64 * 1024) })
        }
      } finally {
        isOver()
      }
    })
    const socket = connect(port, '127.0.0.1').on('error', () => undefined)
    socket.pause()
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await over
    // What the system's own buffers take, and little besides
    expect(made).toBeLessThan(1_000)
    socket.destroy()
  })

  it('tells its source when the reader is gone', async () => {
    let told: (isAborted: boolean) => void = () => undefined
    const aborted = new Promise<boolean>((resolve) => {
      told = resolve
    })
    const port = await serve(async function* quiet(signal) {
      yield frameOf({ id: 1 })
      await once(signal, 'abort')
      told(signal.aborted)
    })
    const leaving = new AbortController()
    const response = await fetch(urlOf(port), { signal: leaving.signal })
    expect(response.headers.get('x-accel-buffering')).toBe('no')
    leaving.abort()
    expect(await aborted).toBe(true)
  })

  it('ends in order when its source fails, so that the reader comes back', async () => {
    const port = await serve(async function* failing() {
      yield frameOf({ id: 1 })
      throw new Error('the database is away')
    })
    const response = await fetch(urlOf(port))
    expect(await response.text()).toBe('id: 1\n\n')
  })
})
