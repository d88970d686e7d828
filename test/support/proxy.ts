// Stands between the product and its PostgreSQL, counts what passes, and is the bad day: cut, refused, silent, slow.
// It reads the wire protocol just far enough to tell one message from the next.
import { connect, createServer, type NetConnectOpts, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from '../../src/platform/postgres.ts'

/** One message on its way: its place in the count since the watch began, and its type byte. */
export type Passing = { from: 'product' | 'database'; number: number; type: string }
/** `last`: it passes, and nothing after it on this connection. `stop`: not even this one does. */
export type Verdict = 'pass' | 'last' | 'stop'
export type Watch = (message: Passing) => Verdict

type Weather =
  | { kind: 'fair' }
  | { kind: 'blackhole' }
  | { kind: 'delay'; ms: number }
  | { kind: 'limit'; bytesPerSecond: number }

export type DatabaseProxy = {
  /** For DATABASE_URL. */
  url: string
  /** Asks about every message that is not background, until told otherwise; counting starts anew. */
  watch(watch: Watch | undefined): void
  /** How many connections are open. */
  connections(): number
  fair(): Promise<void>
  /** Accepts, and never says a word. Connections that stand hear nothing any more either. */
  blackhole(): void
  /** Connections that stand go silent; new ones work. */
  halfOpen(): void
  /** Each answer comes so much later. */
  delay(ms: number): void
  limit(bytesPerSecond: number): void
  /** Tears every connection, as a restarted middlebox does, or all but the one that listens for notifications. */
  cut(options?: { listener: boolean }): void
  /** Nothing listens any more. */
  refuse(): Promise<void>
  close(): Promise<void>
}

type Line = { dead: boolean; background: boolean; ignored: boolean }

/** What the product does by itself: its LISTEN connection, heartbeats and probes. */
const backgroundStatement = /^(timekeeper\.|ping$)/
const listenerName = 'application_name\0foyer listener\0'

/** Cuts a stream into messages. The first one of a client has no type byte; of its kind only the start is sent here. */
function createSplitter(startsUntyped: boolean): (chunk: Buffer) => { type: string; bytes: Buffer }[] {
  let rest = Buffer.alloc(0)
  let untyped = startsUntyped
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    const messages: { type: string; bytes: Buffer }[] = []
    for (;;) {
      const header = untyped ? 0 : 1
      if (rest.length < header + 4) return messages
      const length = header + rest.readInt32BE(header)
      if (rest.length < length) return messages
      messages.push({
        type: untyped ? 'start' : String.fromCharCode(rest[0] ?? 0),
        bytes: rest.subarray(0, length),
      })
      rest = rest.subarray(length)
      untyped = false
    }
  }
}

/** The prepared statement that a Parse or Bind message names. */
function statementOf(type: string, bytes: Buffer): string | undefined {
  const words = bytes.subarray(5).toString('latin1').split('\0', 2)
  return type === 'P' ? words[0] : type === 'B' ? words[1] : undefined
}

/** Whether the message belongs to what the product does by itself. */
function isBackground(line: Line, { type, bytes }: { type: string; bytes: Buffer }): boolean {
  if (type === 'start' && bytes.includes(listenerName)) line.background = true
  const statement = statementOf(type, bytes)
  if (statement !== undefined) line.ignored = backgroundStatement.test(statement)
  return line.background || line.ignored || type === 'start'
}

function upstreamOf({ host = 'localhost', port = 5432 }: Connection): NetConnectOpts {
  return host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port }
}

export async function createProxy(to: Connection): Promise<DatabaseProxy> {
  const lines = new Map<Line, [Socket, Socket]>()
  let weather: Weather = { kind: 'fair' }
  let watching: Watch | undefined
  let count = { product: 0, database: 0 }

  function ask(line: Line, from: Passing['from'], message: { type: string; bytes: Buffer }): Verdict {
    if (line.dead) return 'stop'
    if (from === 'product' ? isBackground(line, message) : line.background || line.ignored) return 'pass'
    if (!watching || (from === 'database' && message.type !== 'Z')) return 'pass'
    count[from] += 1
    const verdict = watching({ from, number: count[from], type: message.type })
    if (verdict !== 'pass') line.dead = true
    return verdict
  }

  async function travel(bytes: number, from: Passing['from']): Promise<void> {
    if (weather.kind === 'delay' && from === 'database') await sleep(weather.ms)
    if (weather.kind === 'limit') await sleep((1000 * bytes) / weather.bytesPerSecond)
  }

  /** Messages of one direction, one after the other. */
  function pipe(line: Line, from: Passing['from'], [source, target]: [Socket, Socket]): void {
    const split = createSplitter(from === 'product')
    let last: Promise<void> = Promise.resolve()
    source.on('data', (chunk: Buffer) => {
      last = last.then(async () => {
        if (weather.kind === 'blackhole') line.dead = true
        await travel(chunk.length, from)
        for (const message of split(chunk)) {
          if (ask(line, from, message) !== 'stop' && !target.destroyed) target.write(message.bytes)
        }
      })
    })
    source.on('error', () => target.destroy())
    source.on('close', () => {
      lines.delete(line)
      // What was sent before the end still arrives
      void last.then(() => target.destroySoon())
    })
  }

  function accept(client: Socket): void {
    const line: Line = { dead: false, background: false, ignored: false }
    const server = connect(upstreamOf(to))
    lines.set(line, [client, server])
    pipe(line, 'product', [client, server])
    pipe(line, 'database', [server, client])
  }

  const door: Server = createServer({ noDelay: true }, accept)
  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => {
      door.once('error', reject)
      door.listen(port, '127.0.0.1', () => {
        door.off('error', reject)
        resolve()
      })
    })
  await listen(0)
  const address = door.address()
  const port = typeof address === 'object' && address ? address.port : 0

  const cut = ({ listener } = { listener: true }) => {
    for (const [line, [client, server]] of lines) {
      if (line.background && !listener) continue
      client.resetAndDestroy()
      server.destroy()
    }
  }
  const refuse = async () => {
    const closed = new Promise((resolve) => door.close(resolve))
    cut()
    await closed
  }
  const silence = () => {
    for (const line of lines.keys()) line.dead = true
  }
  const become = (next: Weather) => {
    weather = next
  }

  return {
    url: `postgres://${to.user ?? 'postgres'}@127.0.0.1:${port}/${to.database}`,
    watch: (watch) => {
      watching = watch
      count = { product: 0, database: 0 }
    },
    connections: () => lines.size,
    fair: async () => {
      become({ kind: 'fair' })
      if (!door.listening) await listen(port)
    },
    blackhole: () => {
      become({ kind: 'blackhole' })
      silence()
    },
    halfOpen: silence,
    delay: (ms) => become({ kind: 'delay', ms }),
    limit: (bytesPerSecond) => become({ kind: 'limit', bytesPerSecond }),
    cut,
    refuse,
    close: refuse,
  }
}
