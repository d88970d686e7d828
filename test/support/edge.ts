// Starts a koa app with Foyer's web edge around a test's own routes, and speaks raw HTTP with it.
import { createServer, type IncomingHttpHeaders, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Writable } from 'node:stream'
import Koa from 'koa'
import { loadConfig } from '../../src/config/load.ts'
import type { Config } from '../../src/config/schema.ts'
import { createClock } from '../../src/kernel/time.ts'
import { createLog, type Log } from '../../src/platform/log.ts'
import { ArrivedRequest } from '../../src/web/arrived-request.ts'
import { logAppErrors, type Observation, pinOrigin, requestContext } from '../../src/web/context.ts'
import { securityHeaders } from '../../src/web/headers.ts'
import { errorBoundary } from '../../src/web/problem.ts'
import { SteadyResponse } from '../../src/web/steady-response.ts'

export type Answer = {
  status: number
  headers: IncomingHttpHeaders
  text: string
  json(): Record<string, unknown>
}
export type Ask = { method?: string; headers?: Record<string, string | string[]>; body?: string | Buffer }

export type Edge = {
  /** http://localhost:PORT, where the server really is, whatever the issuer. */
  origin: string
  config: Config
  ask(path: string, options?: Ask): Promise<Answer>
  logLines: Record<string, unknown>[]
  observed: Observation[]
  close(): Promise<void>
}

export type EdgeOptions = {
  /** Settings besides; the issuer is http://localhost:PORT when they name none. */
  env?: Record<string, string>
  /** On Node's own responses, where fields are set one by one. */
  plain?: boolean
  routes: (app: Koa, config: Config) => void
}

/** A log whose lines the test can read. */
export function captureLog(): { log: Log; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = []
  const stream = new Writable({
    write(chunk, _, done) {
      lines.push(JSON.parse(String(chunk)))
      done()
    },
  })
  return { lines, log: createLog({ level: 'debug', color: false }, stream) }
}

export async function startEdge({ env = {}, plain = false, routes }: EdgeOptions): Promise<Edge> {
  const server = createServer(
    plain ? {} : { IncomingMessage: ArrivedRequest, ServerResponse: SteadyResponse },
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const origin = `http://localhost:${port}`
  const config = loadConfig({ PORT: String(port), METRICS_PORT: '', ...env }, '/tmp')
  const { log, lines } = captureLog()
  const observed: Observation[] = []

  const app = new Koa()
  pinOrigin(app, config)
  logAppErrors(app, log)
  app.use(
    requestContext({
      config,
      log,
      access: { write: (line) => log.info(line) },
      clock: createClock(),
      observe: (seen) => observed.push(seen),
    }),
  )
  app.use(securityHeaders({ config }))
  app.use(
    errorBoundary({
      log,
      renderPage: (ctx, view) => {
        ctx.type = 'html'
        ctx.body = `<h1>${view.title}</h1><p>${view.detail}</p><code>${view.reference}</code>`
      },
    }),
  )
  routes(app, config)
  server.on('request', app.callback())

  return {
    origin,
    config,
    observed,
    logLines: lines,
    ask: (path, options) => askRaw(port, path, { headers: {}, ...options }, new URL(config.issuer).host),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

function askRaw(port: number, path: string, { method = 'GET', headers = {}, body }: Ask, host: string) {
  return new Promise<Answer>((resolve, reject) => {
    const outgoing = request(
      { host: '127.0.0.1', port, path, method, headers: { host, connection: 'close', ...headers } },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          const { statusCode: status = 0, headers: received } = response
          resolve({ status, headers: received, text, json: () => JSON.parse(text) })
        })
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}
