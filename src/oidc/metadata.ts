// Owns discovery and JWKS as bytes: rendered once from the current provider, answered before koa until keys or
// settings change. They say the same to everybody, whatever the Host and whoever asks.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { hashText, newId } from '../kernel/secrets.ts'
import { type Clock, stopwatch } from '../kernel/time.ts'
import type { Observation } from '../web/context.ts'
import { dataHeaders } from '../web/headers.ts'

/** Seconds for which apps may keep discovery and keys; a next key is published at least this long. */
export const metadataMaxAgeSeconds = 300

/** The body as text: it leaves with the head in one write. */
type Document = { body: string; etag: string; headers: readonly string[] }
export type Metadata = { discovery: { issuer: string }; jwks: object }

const discoveryPaths = [
  '/.well-known/openid-configuration',
  '/.well-known/oauth-authorization-server',
] as const
const jwksPath = '/oauth2/jwks'

/** `common` are the security headers of every answer. */
function documentOf(value: object, common: Record<string, string>): Document {
  const body = JSON.stringify(value)
  const etag = `"${hashText(body).slice(0, 32)}"`
  const headers = Object.entries({
    ...common,
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
    'cache-control': `public, max-age=${metadataMaxAgeSeconds}`,
    etag,
    'access-control-allow-origin': '*',
    'cross-origin-resource-policy': 'cross-origin',
  }).flat()
  return { body, etag, headers }
}

export type MetadataServer = ReturnType<typeof createMetadataServer>

export function createMetadataServer({
  clock,
  observe,
}: {
  clock: Clock
  observe: (seen: Observation) => void
}) {
  let documents = new Map<string, Document>()
  let host = ''

  function publish({ discovery, jwks }: Metadata): void {
    const issuer = new URL(discovery.issuer)
    const common = dataHeaders({ insecureIssuer: issuer.protocol === 'http:' })
    const discoveryDocument = documentOf(discovery, common)
    host = issuer.host
    documents = new Map([
      ...discoveryPaths.map((path) => [path, discoveryDocument] as const),
      [jwksPath, documentOf(jwks, common)],
    ])
  }

  /** Answers a GET or HEAD of one of the documents under the issuer's own host; says whether it did. */
  function handle(request: IncomingMessage, response: ServerResponse): boolean {
    const path = request.url?.split('?', 1)[0] ?? ''
    const document = documents.get(path)
    if (!document || (request.method !== 'GET' && request.method !== 'HEAD')) return false
    if (request.headers.host !== host) return false
    const elapsed = stopwatch()
    const status = request.headers['if-none-match'] === document.etag ? 304 : 200
    response.writeHead(status, [...document.headers, 'X-Request-Id', newId(clock.now())])
    response.end(status === 304 || request.method === 'HEAD' ? undefined : document.body)
    observe({ method: request.method, route: path, status, seconds: elapsed() })
    return true
  }

  return { publish, handle }
}
