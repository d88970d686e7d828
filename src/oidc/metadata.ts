// Owns discovery and JWKS as bytes: rendered once from the current provider, answered before koa until keys or
// settings change. They say the same to everybody, whatever the Host and whoever asks.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRequestIds } from '../kernel/request-ids.ts'
import { hashText } from '../kernel/secrets.ts'
import { type Clock, stopwatch } from '../kernel/time.ts'
import type { Observation } from '../web/context.ts'
import { dataHeaders } from '../web/headers.ts'
import { isSteady, renderFields } from '../web/steady-response.ts'

/** Seconds for which apps may keep discovery and keys; a next key is published at least this long. */
export const metadataMaxAgeSeconds = 300

/** The body as text: it leaves with the head in one write. */
type Document = {
  path: string
  encoding: BufferEncoding
  body: string
  etag: string
  length: string
  headers: Record<string, string>
  fields: string
}
export type Metadata = { discovery: { issuer: string }; jwks: object }

const discoveryPaths = [
  '/.well-known/openid-configuration',
  '/.well-known/oauth-authorization-server',
] as const
const jwksPath = '/oauth2/jwks'

/** `common` are the security headers of every answer. */
function documentOf(path: string, value: object, common: Record<string, string>): Document {
  const body = JSON.stringify(value)
  const length = Buffer.byteLength(body)
  const etag = `"${hashText(body).slice(0, 32)}"`
  const headers = {
    ...common,
    'content-type': 'application/json; charset=utf-8',
    'cache-control': `public, max-age=${metadataMaxAgeSeconds}`,
    etag,
    'access-control-allow-origin': '*',
    'cross-origin-resource-policy': 'cross-origin',
  }
  // What is ASCII needs no encoding
  const encoding = length === body.length ? 'latin1' : 'utf8'
  return { path, encoding, body, etag, length: String(length), headers, fields: renderFields(headers) }
}

/** The first field of this name, as Node takes it too, without the object that Node makes of all of them. */
function fieldOf({ rawHeaders }: IncomingMessage, name: string): string | undefined {
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const each = rawHeaders[at]
    if (each?.length === name.length && each.toLowerCase() === name) return rawHeaders[at + 1]
  }
  return undefined
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
  const nextRequestId = createRequestIds(clock)

  function publish({ discovery, jwks }: Metadata): void {
    const issuer = new URL(discovery.issuer)
    const common = dataHeaders({ insecureIssuer: issuer.protocol === 'http:' })
    host = issuer.host
    documents = new Map([
      ...discoveryPaths.map((path) => [path, documentOf(path, discovery, common)] as const),
      [jwksPath, documentOf(jwksPath, jwks, common)],
    ])
  }

  /** Answers a GET or HEAD of one of the documents under the issuer's own host; says whether it did. */
  function handle(request: IncomingMessage, response: ServerResponse): boolean {
    const { url = '', method } = request
    const path = url.includes('?') ? url.slice(0, url.indexOf('?')) : url
    const document = documents.get(path)
    if (!document || (method !== 'GET' && method !== 'HEAD')) return false
    if (fieldOf(request, 'host') !== host) return false
    const elapsed = stopwatch()
    const status = fieldOf(request, 'if-none-match') === document.etag ? 304 : 200
    answer(response, status, { document, withBody: status === 200 && method === 'GET' })
    observe({ method, route: document.path, status, seconds: elapsed() })
    return true
  }

  function answer(
    response: ServerResponse,
    status: number,
    { document, withBody }: { document: Document; withBody: boolean },
  ): void {
    const requestId = nextRequestId()
    if (isSteady(response)) response.steadyFields = `${document.fields}X-Request-Id: ${requestId}\r\n`
    else {
      response.setHeader('X-Request-Id', requestId)
      for (const [name, value] of Object.entries(document.headers)) response.setHeader(name, value)
    }
    response.statusCode = status
    // With a body Node counts for itself
    if (!withBody) response.setHeader('Content-Length', document.length)
    response.end(withBody ? document.body : undefined, document.encoding)
  }

  return { publish, handle }
}
