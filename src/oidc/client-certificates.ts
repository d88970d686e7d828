// Owns the certificates of clients (RFC 8705): the proxy that ends TLS hands them over in the one header that was
// declared, and only what was declared is believed. Who may register one is features/clients/security-schema.ts.
import { hash, X509Certificate } from 'node:crypto'
import type Koa from 'koa'
import type { Config } from '../config/schema.ts'
import type { SubjectMember } from '../features/clients/security-schema.ts'
import type { Clock } from '../kernel/time.ts'
import { subjectFits } from './certificate-subjects.ts'

/** RFC 5280 §4.2.1.12. */
const clientPurpose = '1.3.6.1.5.5.7.3.2'

export type ClientCertificates = ReturnType<typeof createClientCertificates>

export function createClientCertificates({
  config: { mutualTls },
  clock,
}: {
  config: Pick<Config, 'mutualTls'>
  clock: Clock
}) {
  const authorities = (mutualTls?.authorities ?? []).map((pem) => new X509Certificate(pem))
  const seen = new WeakMap<object, X509Certificate | undefined>()

  /** The certificate of this request's client, if the proxy saw one: nobody but our proxies is believed. */
  function certificateOf({ req, state }: Koa.Context): X509Certificate | undefined {
    if (!mutualTls || !state.viaProxies) return undefined
    if (!seen.has(req)) seen.set(req, parse(req.headers[mutualTls.header]))
    return seen.get(req)
  }

  /** RFC 8705 §3.1. */
  function thumbprintOf(ctx: Koa.Context): string | undefined {
    const certificate = certificateOf(ctx)
    return certificate && hash('sha256', certificate.raw, 'base64url')
  }

  /** RFC 8705 §2.1: one of the authorities vouches for it now, as for a client. */
  function isVouchedFor(ctx: Koa.Context): boolean {
    const certificate = certificateOf(ctx)
    if (!certificate || !isInForce(certificate)) return false
    const purposes: string[] | undefined = certificate.keyUsage
    if (purposes !== undefined && !purposes.includes(clientPurpose)) return false
    return authorities.some(
      (authority) =>
        authority.ca &&
        isInForce(authority) &&
        certificate.checkIssued(authority) &&
        certificate.verify(authority.publicKey),
    )
  }

  function isInForce({ validFromDate, validToDate }: X509Certificate): boolean {
    const now = clock.now()
    return validFromDate <= now && now < validToDate
  }

  function matches(ctx: Koa.Context, member: string, expected: string): boolean {
    const certificate = certificateOf(ctx)
    return certificate !== undefined && subjectFits(certificate, member as SubjectMember, expected)
  }

  return {
    certificateOf,
    thumbprintOf,
    isVouchedFor,
    matches,
    isOffered: mutualTls !== undefined,
    hasAuthorities: authorities.length > 0,
  }
}

/** As proxies write it: RFC 9440's bytes between colons, PEM that was percent-encoded, or base64 of DER. */
function parse(header: string | string[] | undefined): X509Certificate | undefined {
  // A comma stands between two of them: which one the proxy wrote is not to be told
  if (typeof header !== 'string' || header === '' || header.includes(',')) return undefined
  try {
    const text = header.includes('%') ? decodeURIComponent(header) : header
    if (text.startsWith('-----BEGIN')) return new X509Certificate(text)
    const [, bytes] = /^:?([A-Za-z0-9+/]+={0,2}):?$/.exec(text) ?? []
    return bytes === undefined ? undefined : new X509Certificate(Buffer.from(bytes, 'base64'))
  } catch {
    return undefined
  }
}
