// Sends many requests at the same moment: each door is one process, its connections are open before the signal,
// and every request is written in the same turn of the loop.
import { Agent, request } from 'node:http'
import type { Product } from './process.ts'
import type { Tokens } from './rp.ts'

export type Answer = {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
  /** The body as an OAuth answer; empty when it is none. */
  body: Partial<Tokens> & { error?: string; active?: boolean }
}

export type Ask = {
  method?: 'GET' | 'POST'
  path: string
  form?: Record<string, string>
  /** Sent as JSON in place of a form. */
  json?: unknown
  headers?: Record<string, string>
  timeoutMs?: number
}

export type Door = { ask(question: Ask): Promise<Answer>; close(): void }

function bodyOf(text: string): Answer['body'] {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}

/** Plain HTTP to one process, under the name of its issuer: the Host is pinned. */
export function createDoor({ port, issuer }: Pick<Product, 'port' | 'issuer'>): Door {
  const agent = new Agent({ keepAlive: true, maxSockets: 128 })
  const { host } = new URL(issuer)

  function ask({ method, path, form, json, headers = {}, timeoutMs = 10_000 }: Ask): Promise<Answer> {
    const body = json === undefined ? form && new URLSearchParams(form).toString() : JSON.stringify(json)
    const type = json === undefined ? 'application/x-www-form-urlencoded' : 'application/json'
    return new Promise((resolve, reject) => {
      const outgoing = request({
        agent,
        host: '127.0.0.1',
        port,
        path,
        method: method ?? (body === undefined ? 'GET' : 'POST'),
        headers: {
          host,
          accept: 'application/json',
          ...(body !== undefined && { 'content-type': type }),
          ...headers,
        },
      })
      const timer = setTimeout(() => outgoing.destroy(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs)
      outgoing.on('error', (error) => {
        clearTimeout(timer)
        reject(error)
      })
      outgoing.on('response', (incoming) => {
        let text = ''
        incoming.setEncoding('utf8')
        incoming.on('data', (chunk: string) => {
          text += chunk
        })
        incoming.on('error', reject)
        incoming.on('end', () => {
          clearTimeout(timer)
          resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text, body: bodyOf(text) })
        })
      })
      outgoing.end(body)
    })
  }

  return { ask, close: () => agent.destroy() }
}

/** The same work so many times at once, spread over the doors in turn. */
export function allAtOnce<T>(
  doors: readonly Door[],
  count: number,
  work: (door: Door) => Promise<T>,
): Promise<T[]> {
  const turns = Array.from({ length: count }, (_, turn) => doors[turn % doors.length])
  return Promise.all(turns.filter((door) => door !== undefined).map(work))
}

/** Opens the connections before they are needed. */
export async function warm(doors: readonly Door[], count: number): Promise<void> {
  await allAtOnce(doors, count, (door) => door.ask({ path: '/livez' }))
}

/** How often each answer came, for the message of a round that failed: `1 × 200, 49 × 400 invalid_grant`. */
export function tally(answers: readonly Answer[]): string {
  const counts = new Map<string, number>()
  for (const { status, body } of answers) {
    const kind = body.error ? `${status} ${body.error}` : String(status)
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  return [...counts]
    .sort()
    .map(([kind, count]) => `${count} × ${kind}`)
    .join(', ')
}

/** How many rounds a race is run: so many in CI, 1,000 before a release, a few at a desk. */
export const raceRounds = (inCi: number): number =>
  Number(process.env.FOYER_RACE_ROUNDS ?? (process.env.CI === 'true' ? inCi : Math.min(10, inCi)))
