// Owns how an example listens on this machine, and how it ends.
import type { Server } from 'node:http'

export function listen(server: Server, port: number, words: string): void {
  server.on('error', (error: NodeJS.ErrnoException) => {
    const isTaken = error.code === 'EADDRINUSE'
    process.stderr.write(`${isTaken ? `Port ${port} is taken: set PORT to another.` : String(error)}\n`)
    process.exitCode = 1
  })
  server.listen(port, 'localhost', () => void process.stdout.write(`${words}\n`))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      server.close()
      // Streams and idle connections would go on for ever
      server.closeAllConnections()
    })
  }
}
