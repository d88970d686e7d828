// Owns how an example prepares what it needs at Foyer: over the management API, as the machine client of the demo.
// An installation without the demo has no such client: examples/README.md says what to do there.
import { setTimeout as sleep } from 'node:timers/promises'

export type Management = {
  /** Below /api/v1; the answer's JSON. Throws what Foyer says when it refuses. */
  ask<T>(method: string, path: string, body?: unknown): Promise<T>
}

export class Refused extends Error {
  readonly status: number

  constructor(status: number, said: string) {
    super(`Foyer answered ${status}: ${said}`)
    this.name = 'Refused'
    this.status = status
  }
}

const patienceMs = 60_000

/** Waits for Foyer: the example may have been started before it, or at the same moment. */
export async function untilFoyerAnswers(issuer: string): Promise<void> {
  const answers = () =>
    fetch(`${issuer}/readyz`, { signal: AbortSignal.timeout(2_000) }).then(
      async (response) => {
        await response.arrayBuffer()
        return response.ok
      },
      () => false,
    )
  if (await answers()) return
  process.stderr.write(`Waiting for Foyer at ${issuer} (start it with \`npm start\`)\n`)
  const deadline = performance.now() + patienceMs
  do {
    if (performance.now() > deadline) throw new Error(`Foyer does not answer at ${issuer}`)
    await sleep(500)
  } while (!(await answers()))
}

export async function openManagement(issuer: string, scope: string): Promise<Management> {
  const token = await fetchToken(issuer, scope)

  async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${issuer}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(10_000),
    })
    const text = await response.text()
    if (!response.ok) throw new Refused(response.status, text)
    return (text === '' ? undefined : JSON.parse(text)) as T
  }

  return { ask }
}

async function fetchToken(issuer: string, scope: string): Promise<string> {
  const response = await fetch(`${issuer}/oauth2/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa('demo-machine:demo-machine-secret')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope }),
    signal: AbortSignal.timeout(10_000),
  })
  const text = await response.text()
  if (!response.ok) {
    throw new Refused(response.status, `${text} (without the demo: see examples/README.md)`)
  }
  return (JSON.parse(text) as { access_token: string }).access_token
}
