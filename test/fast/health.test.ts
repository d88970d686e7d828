// Liveness, readiness and metrics, from the outside and from the counting side.
import { describe, expect, it } from 'vitest'
import { createClock, seconds } from '../../src/kernel/time.ts'
import { createTelemetry } from '../../src/platform/telemetry.ts'
import { type Checks, health } from '../../src/web/health.ts'
import { startEdge } from '../support/edge.ts'

type Given = { checks?: Checks; draining?: boolean; env?: Record<string, string> }

async function asking<T>(
  { checks = {}, draining = false, env }: Given,
  work: (edge: Awaited<ReturnType<typeof startEdge>>) => Promise<T>,
) {
  const edge = await startEdge({
    env,
    routes: (app, config) =>
      app.use(
        health({
          config,
          checks,
          draining: () => draining,
          metrics: createTelemetry({ clock: createClock() }),
        }),
      ),
  })
  try {
    return await work(edge)
  } finally {
    await edge.close()
  }
}

const well = { database: async () => undefined, schema: () => undefined }
const broken = {
  database: async () => undefined,
  signing_key: async () => {
    throw new Error('canary')
  },
}

describe('readiness', () => {
  it.each(['/readyz', '/healthz'])('is told at %s when every check passes', async (path) => {
    const answer = await asking({ checks: well }, (edge) => edge.ask(path))
    expect(answer.status).toBe(200)
    expect(answer.text).toBe('{"status":"ok"}')
    expect(answer.headers['content-type']).toContain('application/json')
  })

  it('ends with the first check that fails, and names it only when asked', async () => {
    await asking({ checks: broken }, async (edge) => {
      const brief = await edge.ask('/readyz')
      expect(brief.status).toBe(503)
      expect(brief.headers['retry-after']).toBe('1')
      expect(brief.json()).toEqual({ status: 'unavailable' })
      const verbose = await edge.ask('/readyz?verbose')
      expect(verbose.json()).toEqual({
        status: 'unavailable',
        checks: { database: 'ok', signing_key: 'failed', serving: 'ok' },
      })
    })
  })

  it('ends with draining, while the process still lives', async () => {
    await asking({ checks: well, draining: true }, async (edge) => {
      expect((await edge.ask('/readyz')).status).toBe(503)
      expect((await edge.ask('/livez')).text).toBe('{"status":"ok"}')
    })
  })

  it('is denied in time when a check hangs, which is asked once and not by every probe', async () => {
    let asked = 0
    const hanging = {
      database: () => {
        asked += 1
        return new Promise<void>(() => undefined)
      },
    }
    const answers = await asking({ checks: hanging }, (edge) =>
      Promise.all([edge.ask('/readyz'), edge.ask('/readyz'), edge.ask('/livez')]),
    )
    expect(answers.map(({ status }) => status)).toEqual([503, 503, 200])
    expect(asked).toBe(1)
  })

  it('is not written to', async () => {
    const answer = await asking({ checks: well }, (edge) => edge.ask('/readyz', { method: 'POST' }))
    expect(answer.status).toBe(405)
    expect(answer.headers.allow).toBe('GET, HEAD')
  })
})

describe('metrics', () => {
  const token = 'metrics-token-123456'
  const production = {
    NODE_ENV: 'production',
    FOYER_REGISTRATION: 'closed',
    FOYER_ISSUER: 'http://localhost:3000',
  }

  it('are open in development', async () => {
    const answer = await asking({}, (edge) => edge.ask('/metrics'))
    expect(answer.status).toBe(200)
    expect(answer.headers['content-type']).toContain('text/plain; version=0.0.4')
    expect(answer.text).toContain('# TYPE http_server_request_duration_seconds histogram')
  })

  it.each([
    ['without a token', {}, 401],
    ['with another token', { authorization: 'Bearer metrics-token-654321' }, 401],
    ['with the token in another scheme', { authorization: `Basic ${token}` }, 401],
    ['with the token', { authorization: `Bearer ${token}` }, 200],
  ])('in production, %s, are answered as they should be', async (_, headers, status) => {
    const answer = await asking({ env: { ...production, METRICS_TOKEN: token } }, (edge) =>
      edge.ask('/metrics', { headers }),
    )
    expect(answer.status).toBe(status)
    expect(answer.text.includes('http_server_request_duration_seconds')).toBe(status === 200)
  })

  it('are closed in production when no token is set', async () => {
    const answer = await asking({ env: production }, (edge) =>
      edge.ask('/metrics', { headers: { authorization: 'Bearer ' } }),
    )
    expect(answer.status).toBe(401)
  })

  it('are not on the main listener when they have their own', async () => {
    const answer = await asking({ env: { METRICS_PORT: '29999' } }, (edge) => edge.ask('/metrics'))
    expect(answer.status).toBe(404)
  })
})

describe('telemetry', () => {
  it('counts requests by method, route and status in the advised buckets', async () => {
    const telemetry = createTelemetry({ clock: createClock() })
    telemetry.observeRequest({ method: 'POST', route: '/oauth2/token', status: 200, seconds: 0.006 })
    telemetry.observeRequest({ method: 'POST', route: '/oauth2/token', status: 200, seconds: 20 })
    const text = await telemetry.text()
    const labels = 'http_request_method="POST",http_route="/oauth2/token",http_response_status_code="200"'
    const bucket = (le: string) => `http_server_request_duration_seconds_bucket{le="${le}",${labels}}`
    expect(text).toContain(`${bucket('0.005')} 0\n`)
    expect(text).toContain(`${bucket('0.01')} 1\n`)
    expect(text).toContain(`${bucket('10')} 1\n`)
    expect(text).toContain(`${bucket('+Inf')} 2\n`)
  })

  it('counts what Foyer does', async () => {
    const clock = createClock()
    const telemetry = createTelemetry({ clock })
    const createdAt = clock.now()
    telemetry.countLogin('password', 'succeeded')
    telemetry.countToken('refresh_token')
    telemetry.countStatement()
    telemetry.observePasswordHash(0.02)
    telemetry.watchPasswordQueue(() => 7)
    telemetry.watchSigningKey(() => createdAt)
    clock.setOffset(seconds(60))
    const text = await telemetry.text()
    expect(text).toContain('foyer_logins_total{method="password",result="succeeded"} 1')
    expect(text).toContain('foyer_tokens_issued_total{grant_type="refresh_token"} 1')
    expect(text).toContain('foyer_database_statements_total 1')
    expect(text).toContain('foyer_password_hash_seconds_bucket{le="0.025"} 1')
    expect(text).toContain('foyer_password_queue 7')
    expect(text).toMatch(/foyer_signing_key_age_seconds 6\d/)
    expect(text).toContain('process_resident_memory_bytes')
  })
})
