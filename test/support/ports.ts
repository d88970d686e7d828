// Finds ports that are free right now on loopback, below those that systems give to outgoing connections: one of these
// could be taken again before the product listens on it, the more so while other test files make thousands of them.
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

const range = [20_000, 32_000] as const

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(...range)
    if (await isFree(port)) return port
  }
}
