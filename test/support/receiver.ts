// A receiver of webhooks on loopback: keeps what it gets, and answers as the test says.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'vitest'

export type Got = { headers: Record<string, string>; body: string; path: string }
export type Answer = (got: Got, response: ServerResponse) => void

export type Receiver = {
  url: string
  got: Got[]
  /** The most requests that were open at once. */
  mostAtOnce(): number
  answer(how: Answer | number): void
  /** The first so many, once they are there. */
  next(count: number): Promise<Got[]>
  /** From then on nobody listens there, until it is opened again. */
  close(): Promise<void>
  open(): Promise<void>
}

const plain =
  (status: number): Answer =>
  (_, response) =>
    response.writeHead(status).end()

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

export async function startReceiver(): Promise<Receiver> {
  const got: Got[] = []
  let how = plain(204)
  let open = 0
  let most = 0
  const server = createServer(async (request, response) => {
    open += 1
    most = Math.max(most, open)
    response.on('close', () => {
      open -= 1
    })
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
    )
    const each = { headers, body: await textOf(request), path: request.url ?? '' }
    got.push(each)
    how(each, response)
  })
  const listen = (port: number) =>
    new Promise<void>((resolve) => server.listen(port, '127.0.0.1', () => resolve()))
  await listen(0)
  const { port } = server.address() as AddressInfo

  return {
    url: `http://127.0.0.1:${port}/hook`,
    got,
    mostAtOnce: () => most,
    answer: (next) => {
      how = typeof next === 'number' ? plain(next) : next
    },
    next: async (count) => {
      await expect.poll(() => got.length, { interval: 20, timeout: 15_000 }).toBeGreaterThanOrEqual(count)
      return got.slice(0, count)
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
    open: () => listen(port),
  }
}
