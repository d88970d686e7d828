// Bodies as oidc-provider reads them, whether they came at once, in pieces, or never to their end.
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import Koa from 'koa'
import { expect, it, onTestFinished } from 'vitest'
import { ArrivedRequest, awaitBody } from '../../src/web/arrived-request.ts'

type Read = { text: string; chunks: number; arrived: boolean }

async function startReader(): Promise<{
  send(pieces: string[]): Promise<Read>
  failures: unknown[]
  port: number
}> {
  const failures: unknown[] = []
  const app = new Koa()
  app.on('error', (error) => failures.push(error))
  app.use(awaitBody)
  app.use(async (ctx) => {
    const arrived = ctx.req.complete
    const chunks: Buffer[] = []
    const iterator = (ctx.req as IncomingMessage).iterator({ destroyOnReturn: false })
    for await (const chunk of iterator) chunks.push(chunk)
    ctx.body = { text: Buffer.concat(chunks).toString(), chunks: chunks.length, arrived }
  })
  const server = createServer({ IncomingMessage: ArrivedRequest }, app.callback())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo

  async function send(pieces: string[]): Promise<Read> {
    const length = Buffer.byteLength(pieces.join(''))
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const head = `POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${length}\r\n\r\n`
    const [first = '', ...more] = pieces
    socket.write(head + first)
    for (const piece of more) {
      await new Promise((resolve) => setTimeout(resolve, 20))
      socket.write(piece)
    }
    const parts: Buffer[] = []
    for await (const part of socket) parts.push(part)
    return JSON.parse(Buffer.concat(parts).toString().split('\r\n\r\n')[1] ?? '')
  }
  return { send, failures, port }
}

it('reads a body that came with its header in one piece, without waiting', async () => {
  const { send } = await startReader()
  expect(await send(['grant_type=client_credentials'])).toEqual({
    text: 'grant_type=client_credentials',
    chunks: 1,
    arrived: true,
  })
  expect(await send([''])).toMatchObject({ text: '', arrived: true })
})

it('reads a body that comes in pieces to its end', async () => {
  const { send } = await startReader()
  expect(await send(['grant_', 'type=', 'x'])).toMatchObject({ text: 'grant_type=x', arrived: false })
  const large = 'x'.repeat(300_000)
  expect((await send([large])).text).toHaveLength(large.length)
})

it('fails a body whose sender goes away', async () => {
  const { failures, port } = await startReader()
  const socket = connect({ port, host: '127.0.0.1' })
  socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf of it')
  await new Promise((resolve) => setTimeout(resolve, 50))
  socket.destroy()
  // Said by the reader of the body, and once more by koa
  await expect.poll(() => failures[0]).toBeInstanceOf(Error)
})
