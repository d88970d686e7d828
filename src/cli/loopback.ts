// Owns the one request that a browser brings back to a command: a redirect to this machine's loopback (RFC 8252 §7.3).
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Loopback = {
  redirectUri: string
  /** The parameters of the first redirect that `accept` takes; others are told off, and it waits on. */
  arrival: (accept: (parameters: URLSearchParams) => boolean, patienceMs: number) => Promise<URLSearchParams>
  close: () => void
}

const path = '/callback'
const pages = {
  200: 'Foyer has what it needs. You may close this window.\n',
  400: 'This is not the answer that was waited for.\n',
  404: 'There is nothing here.\n',
} as const

/** On a port that the system chooses when it is 0. */
export async function listenOnLoopback(wanted: number): Promise<Loopback> {
  let take: (parameters: URLSearchParams) => boolean = () => false
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1')
    const status = pathname !== path ? 404 : take(searchParams) ? 200 : 400
    const headers = {
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
      connection: 'close',
    }
    response.writeHead(status, headers).end(pages[status])
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen({ host: '127.0.0.1', port: wanted }, resolve)
  })
  const { port } = server.address() as AddressInfo

  return {
    redirectUri: `http://127.0.0.1:${port}${path}`,
    arrival: (accept, patienceMs) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error('Nobody came back in time.')), patienceMs)
        take = (parameters) => {
          if (!accept(parameters)) return false
          clearTimeout(timer)
          resolve(parameters)
          return true
        }
      }),
    close: () => server.close(),
  }
}
