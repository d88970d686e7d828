// Owns the metrics: their names, and how the rest of Foyer counts. No label names a person or a client.
// Who serves the text is web/health.ts; spans go through @opentelemetry/api where they are made.
import { Counter, collectDefaultMetrics, Gauge, Histogram, type Metric, Registry } from 'prom-client'
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
  const { logins, tokens, statements, hashes, mails } = createInstruments([registry])
  const requests = createRequestDurations()
  registry.registerMetric(requests.metric)

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

  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    observeRequest: requests.observe,
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

function entryOf<Key, Value>(map: Map<Key, Value>, key: Key, create: () => Value): Value {
  let value = map.get(key)
  if (value === undefined) {
    value = create()
    map.set(key, value)
  }
  return value
}

type Durations = { labels: Record<string, string>; counts: number[]; sum: number }

/**
 * The histogram of requests, counted here and told to prom-client when somebody reads it: its own looks labels up
 * and checks them for every request.
 */
function createRequestDurations() {
  const name = 'http_server_request_duration_seconds'
  // By route, then status, then method: each a constant whose hash is known, where a joined key would need a new one
  const routes = new Map<string, Map<number, Map<string, Durations>>>()

  function seriesOf(method: string, route: string, status: number): Durations {
    const ofRoute = entryOf(routes, route, () => new Map<number, Map<string, Durations>>())
    const ofStatus = entryOf(ofRoute, status, () => new Map<string, Durations>())
    return entryOf(ofStatus, method, () => ({
      labels: {
        http_request_method: method,
        http_route: route,
        http_response_status_code: String(status),
      },
      counts: Array.from({ length: requestBuckets.length + 1 }, () => 0),
      sum: 0,
    }))
  }

  function observe({ method, route, status, seconds }: Parameters<Telemetry['observeRequest']>[0]): void {
    const durations = seriesOf(method, route, status)
    let bucket = 0
    while (seconds > (requestBuckets[bucket] ?? Number.POSITIVE_INFINITY)) bucket += 1
    durations.counts[bucket] = (durations.counts[bucket] ?? 0) + 1
    durations.sum += seconds
  }

  /** Buckets count what is below them too. */
  function samplesOf({ labels, counts, sum }: Durations) {
    let count = 0
    const buckets = counts.map((each, index) => {
      count += each
      return {
        labels: { le: requestBuckets[index] ?? '+Inf', ...labels },
        value: count,
        metricName: `${name}_bucket`,
      }
    })
    return [
      ...buckets,
      { labels, value: sum, metricName: `${name}_sum` },
      { labels, value: count, metricName: `${name}_count` },
    ]
  }

  const get = async () => ({
    name,
    help: 'Duration of HTTP server requests.',
    type: 'histogram',
    values: [...routes.values()].flatMap((ofRoute) =>
      [...ofRoute.values()].flatMap((ofStatus) => [...ofStatus.values()].flatMap(samplesOf)),
    ),
    aggregator: 'sum',
  })
  const metric = { name, get, reset: () => routes.clear() }
  return { observe, metric: metric as unknown as Metric }
}

function createInstruments(registers: Registry[]) {
  return {
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
