// Owns the metrics: their names, and how the rest of Foyer counts. No label names a person or a client.
// Who serves the text is web/health.ts; spans go through @opentelemetry/api where they are made.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Clock } from '../kernel/time.ts'

export type Telemetry = {
  contentType: string
  /** Everything in Prometheus' text format. */
  text(): Promise<string>
  observeRequest(request: { method: string; route: string; status: number; seconds: number }): void
  countLogin(method: string, result: string): void
  countToken(grantType: string): void
  countStatement(): void
  observePasswordHash(seconds: number): void
  countMail(result: string): void
  /** Asked when somebody reads the metrics. */
  watchOutbox(pending: () => Promise<number>): void
  /** Asked when somebody reads the metrics. */
  watchPasswordQueue(length: () => number): void
  /** Asked as well; of all keys the oldest that signs. */
  watchSigningKey(createdAt: () => Date): void
}

// https://opentelemetry.io/docs/specs/semconv/http/http-metrics/: the advised bucket boundaries
const requestBuckets = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
const hashBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

export function createTelemetry({ clock }: { clock: Clock }): Telemetry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const { requests, logins, tokens, statements, hashes, mails } = createInstruments([registry])

  function gauge(name: string, help: string, value: () => number): void {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value())
      },
    })
  }

  const seriesOf = new Map<string, { observe(seconds: number): void }>()

  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    observeRequest: ({ method, route, status, seconds }) => {
      // Resolving the labels costs more than counting; there are as many combinations as routes and statuses.
      const key = `${method} ${route} ${status}`
      let series = seriesOf.get(key)
      if (!series) {
        series = requests.labels(method, route, String(status))
        seriesOf.set(key, series)
      }
      series.observe(seconds)
    },
    countLogin: (method, result) => logins.inc({ method, result }),
    countToken: (grantType) => tokens.inc({ grant_type: grantType }),
    countStatement: () => statements.inc(),
    observePasswordHash: (seconds) => hashes.observe(seconds),
    countMail: (result) => mails.inc({ result }),
    watchOutbox: (pending) => {
      new Gauge({
        name: 'foyer_outbox_pending',
        help: 'Mails that wait to be sent.',
        registers: [registry],
        async collect() {
          // Without its database Foyer still tells everything else
          this.set(await pending().catch(() => Number.NaN))
        },
      })
    },
    watchPasswordQueue: (length) => {
      gauge('foyer_password_queue', 'Passwords that wait to be hashed.', length)
    },
    watchSigningKey: (createdAt) => {
      gauge('foyer_signing_key_age_seconds', 'Age of the key that signs.', () =>
        Math.max(0, (clock.millis() - createdAt().getTime()) / 1000),
      )
    },
  }
}

function createInstruments(registers: Registry[]) {
  return {
    requests: new Histogram({
      name: 'http_server_request_duration_seconds',
      help: 'Duration of HTTP server requests.',
      labelNames: ['http_request_method', 'http_route', 'http_response_status_code'],
      buckets: requestBuckets,
      registers,
    }),
    logins: new Counter({
      name: 'foyer_logins_total',
      help: 'Sign-ins by method and result.',
      labelNames: ['method', 'result'],
      registers,
    }),
    tokens: new Counter({
      name: 'foyer_tokens_issued_total',
      help: 'Token responses by grant type.',
      labelNames: ['grant_type'],
      registers,
    }),
    statements: new Counter({
      name: 'foyer_database_statements_total',
      help: 'Statements sent to PostgreSQL.',
      registers,
    }),
    mails: new Counter({
      name: 'foyer_mails_total',
      help: 'Tries to send a mail by result: sent, deferred, expired, refused.',
      labelNames: ['result'],
      registers,
    }),
    hashes: new Histogram({
      name: 'foyer_password_hash_seconds',
      help: 'How long one password hash took, waiting not included.',
      buckets: hashBuckets,
      registers,
    }),
  }
}
