// Owns a small HTTP/1.1 client over one socket, one request at a time: it shares a core with the database, so it
// must cost less than what it measures. Cookies and redirects are up to whoever sends.
import { connect, type Socket } from 'node:net'

export type Reply = { status: number; head: string; body: Buffer }

export type Connection = {
  /** `request` is the whole message, as it goes over the wire. */
  send(request: string): Promise<Reply>
  close(): void
}

type Waiting = { resolve: (reply: Reply) => void; reject: (error: Error) => void }

const headEnd = Buffer.from('\r\n\r\n')

export async function openConnection(port: number, host = '127.0.0.1'): Promise<Connection> {
  let waiting: Waiting | undefined

  function fail(error: Error): void {
    waiting?.reject(error)
    waiting = undefined
  }

  async function dial(): Promise<Socket> {
    const dialled = connect({ port, host, noDelay: true })
    let received: Buffer = Buffer.alloc(0)
    dialled.on('data', (chunk) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
      const parsed = parseReply(received)
      if (!parsed || !waiting) return
      const { resolve } = waiting
      waiting = undefined
      received = received.subarray(parsed.length)
      resolve(parsed.reply)
    })
    dialled.on('error', fail)
    dialled.on('close', () => fail(new Error('the server closed the connection')))
    await new Promise<void>((resolve, reject) => dialled.once('connect', resolve).once('error', reject))
    return dialled
  }

  let socket = await dial()
  const exchange = (request: string) =>
    new Promise<Reply>((resolve, reject) => {
      waiting = { resolve, reject }
      socket.write(request)
    })
  /** Servers hang up on whoever is silent for some seconds, such as a worker that waits for the others. */
  const dialAgain = async () => {
    socket = await dial()
  }

  return {
    send: (request) => (socket.writable ? exchange(request) : dialAgain().then(() => exchange(request))),
    close: () => socket.destroy(),
  }
}

/** The first whole reply in the bytes, and how long it is; undefined while some of it is still on the way. */
export function parseReply(bytes: Buffer): { reply: Reply; length: number } | undefined {
  const end = bytes.indexOf(headEnd)
  if (end < 0) return undefined
  const head = bytes.toString('latin1', 0, end)
  const status = Number(head.slice(9, 12))
  const start = end + headEnd.length
  if (status === 204 || status === 304)
    return { reply: { status, head, body: Buffer.alloc(0) }, length: start }

  const declared = headerOf(head, 'content-length')
  if (declared === undefined) return parseChunks(bytes, { start, status, head })
  const length = start + Number(declared)
  if (bytes.length < length) return undefined
  return { reply: { status, head, body: bytes.subarray(start, length) }, length }
}

type Head = { start: number; status: number; head: string }

// RFC 9112 §7.1, without extensions and trailers, which none of the servers here sends.
function parseChunks(bytes: Buffer, { start, status, head }: Head) {
  const chunks: Buffer[] = []
  let at = start
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    const from = lineEnd + 2
    if (bytes.length < from + size + 2) return undefined
    if (size === 0) return { reply: { status, head, body: Buffer.concat(chunks) }, length: from + 2 }
    chunks.push(bytes.subarray(from, from + size))
    at = from + size + 2
  }
}

export function headerOf(head: string, name: string): string | undefined {
  const found = new RegExp(`^${name}: *(.*)$`, 'im').exec(head)
  return found?.[1]?.trim()
}

export function cookiesOf(head: string): string[] {
  return [...head.matchAll(/^set-cookie: *([^;\r\n]+)/gim)].map(([, pair = '']) => pair)
}

export type Request = { path: string; host: string; headers?: Record<string, string>; form?: object }

export function requestText({ path, host, headers = {}, form }: Request): string {
  const body = form === undefined ? '' : new URLSearchParams({ ...form }).toString()
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  if (form === undefined) return `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${lines.join('')}\r\n`
  const type = 'Content-Type: application/x-www-form-urlencoded\r\n'
  return `POST ${path} HTTP/1.1\r\nHost: ${host}\r\n${lines.join('')}${type}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}
