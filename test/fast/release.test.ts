// A context that was answered leads nowhere; one whose answer is still on its way keeps what koa may ask it for.
import { once } from 'node:events'
import { createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import Koa from 'koa'
import { expect, it, onTestFinished, vi } from 'vitest'
import { createRelease } from '../../src/web/release.ts'
import { startEdge } from '../support/edge.ts'

type Seen = Koa.Context & { oidc?: { params?: object } }

it('lets go of request, response and protocol of an answered context', async () => {
  const seen: Seen[] = []
  const edge = await startEdge({
    routes: (app) =>
      app.use((ctx) => {
        // As oidc-provider does it
        const oidc = { params: { scope: 'openid' } }
        Object.defineProperty(ctx, 'oidc', { get: () => oidc })
        seen.push(ctx)
        ctx.cookies.set('theirs', 'value')
        ctx.body = { ok: true }
      }),
  })
  onTestFinished(edge.close)

  expect((await edge.ask('/')).status).toBe(200)
  await vi.waitFor(() => expect(seen[0]?.req).toBeUndefined())
  const [ctx] = seen
  const kept = Reflect.ownKeys(ctx ?? {}).filter((key) => Reflect.get(ctx ?? {}, key) !== undefined)
  expect(kept).toEqual(['oidc'])
  expect(ctx?.oidc).toEqual({ params: undefined })
})

it('lets go of an answer that the client never read when the connection is gone, and not before', async () => {
  const seen: Koa.Context[] = []
  const app = new Koa()
  const release = createRelease()
  const failures: unknown[] = []
  app.on('error', (error) => failures.push(error))
  app.use(async (ctx, next) => {
    await next()
    seen.push(ctx)
    release(ctx)
  })
  // More than the buffers of both sockets hold
  app.use((ctx) => {
    ctx.body = Buffer.alloc(64 * 1024 * 1024)
  })
  const server = createServer(app.callback())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())

  const request = get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.pause()
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(seen[0]?.res).toBeDefined()

  request.destroy()
  await vi.waitFor(() => expect(seen[0]?.res).toBeUndefined())
  // koa's own word, for which it asked the context
  expect(failures).toMatchObject([{ code: 'ECONNRESET' }])
})
