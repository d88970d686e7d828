// Owns mutual TLS (RFC 8705) as oidc-provider is told of it, and what discovery says of it.
import type { Config } from '../config/schema.ts'
import type { ClientCertificates } from './client-certificates.ts'

/**
 * The binding of tokens is on in any case: a client that registered it gets none without, also after the setting of
 * the header was taken away.
 */
export function mutualTlsFeature(certificates: ClientCertificates) {
  return {
    enabled: true,
    certificateBoundAccessTokens: true,
    selfSignedTlsClientAuth: certificates.isOffered,
    tlsClientAuth: certificates.hasAuthorities,
    getCertificate: certificates.certificateOf,
    certificateAuthorized: certificates.isVouchedFor,
    certificateSubjectMatches: certificates.matches,
  } as const
}

/** Those at which a client shows its certificate (RFC 8705 §5). */
const aliased = [
  'token_endpoint',
  'pushed_authorization_request_endpoint',
  'device_authorization_endpoint',
  'backchannel_authentication_endpoint',
  'introspection_endpoint',
  'revocation_endpoint',
  'userinfo_endpoint',
]

/** Where there is no header, nothing of mutual TLS works, so nothing of it is told. */
export function tellMutualTls<Document extends Record<string, unknown>>(
  document: Document,
  mutualTls: Config['mutualTls'],
): Document {
  if (!mutualTls) {
    const { tls_client_certificate_bound_access_tokens: _, ...rest } = document
    return rest as Document
  }
  const { origin } = mutualTls
  if (origin === undefined) return document
  const aliases = aliased.flatMap((name) => {
    const url = document[name]
    return typeof url === 'string' ? [[name, origin + new URL(url).pathname]] : []
  })
  return { ...document, mtls_endpoint_aliases: Object.fromEntries(aliases) }
}
