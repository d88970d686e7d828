// Speaks HTTP byte by byte, where fetch would mend what is broken.
import { request } from 'node:http'
import { connect } from 'node:net'

export type RawAnswer = { status: number; headers: Record<string, string>; text: string }

export type RawAsk = {
  method?: string
  /** Sent as it is, an absolute one too. */
  path: string
  headers?: Record<string, string | string[]>
  body?: string | Buffer
}

const flat = (headers: NodeJS.Dict<string | string[]>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))

/** One request on a connection of its own; the Host is the listener's unless told otherwise. */
export function ask(
  listening: string,
  { method = 'GET', path, headers = {}, body }: RawAsk,
): Promise<RawAnswer> {
  const { hostname, port } = new URL(listening)
  return new Promise((resolve, reject) => {
    const host = { host: `localhost:${port}` }
    const outgoing = request(
      { host: hostname, port, path, method, headers: { ...host, connection: 'close', ...headers } },
      (incoming) => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.on('error', reject)
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: flat(incoming.headers),
            text: Buffer.concat(chunks).toString(),
          }),
        )
      },
    )
    let answered = false
    outgoing.on('response', () => {
      answered = true
    })
    // The answer to a body that is too large comes while it is still being sent
    outgoing.on('error', (error) => (answered ? undefined : reject(error)))
    outgoing.end(body)
  })
}

/** Whatever comes back for these bytes until the other side closes, or falls silent for a moment. */
export function sendBytes(listening: string, bytes: string | Buffer): Promise<string> {
  const { hostname, port } = new URL(listening)
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    const socket = connect(Number(port), hostname, () => socket.write(bytes))
    const finish = () => {
      socket.destroy()
      resolve(Buffer.concat(chunks).toString('latin1'))
    }
    socket.setTimeout(1_000, finish)
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('end', finish)
    socket.on('error', finish)
  })
}
