// Owns the configuration of how requests and clients are guarded: pushed requests (RFC 9126) and signed ones
// (RFC 9101), keys of clients (RFC 7523), proofs of possession (RFC 9449), and answers that are signed. What a client may
// register of it is features/clients/security-schema.ts.
import type { KeyObject } from 'node:crypto'
import type { Client, Configuration, KoaContextWithOIDC } from 'oidc-provider'
import { errors } from 'oidc-provider'
import { limits } from '../config/limits.ts'
import { signatureAlgs } from '../features/clients/client-keys.ts'
import { fapiAlgs, isFapi2 } from '../features/clients/fapi.ts'
import { authMethods, missingFor, ownAlgs } from '../features/clients/security-schema.ts'
import type { Clock } from '../kernel/time.ts'
import type { ClientCertificates } from './client-certificates.ts'
import { proofAlgs } from './dpop-proof.ts'
import { jsonOf } from './jws.ts'
import { mutualTlsFeature } from './mutual-tls.ts'
import type { Outgoing } from './outgoing.ts'
import { isKeepableJson } from './parameters.ts'

/** RFC 7523 §3: an assertion that is good for longer than this is refused, or its `jti` were kept as long. */
const longestAssertionSeconds = 3_600

const longestRequestSeconds = 3_600

/** RFC 9101 §4: its own type, the general one, or none. */
const requestTypes = new Set<unknown>(['oauth-authz-req+jwt', 'JWT', undefined])

export type RequestSecurityDeps = {
  outgoing: Pick<Outgoing, 'fetch'>
  clock: Clock
  certificates: ClientCertificates
  sealer: { derive(purpose: string): KeyObject }
}
export type RequestSecurity = ReturnType<typeof createRequestSecurity>

/** FAPI 2.0 §5.3.2.1: one audience, the issuer, and no RS256 (§5.4.1). */
function fapiFault({ alg }: Record<string, unknown>, aud: unknown, issuer: string): string | false {
  if (!fapiAlgs.includes(String(alg)))
    return 'the client_assertion is signed by an algorithm that FAPI does not allow'
  return aud !== issuer && 'the audience (aud) must be the issuer alone'
}

/** FAPI 2.0 Message Signing §5.3.1. What was pushed plainly has no signature, and its times are ours. */
function requestFault(
  { alg }: Record<string, unknown>,
  { nbf, exp }: Record<string, unknown>,
): string | false {
  if (alg !== 'none' && !fapiAlgs.includes(String(alg)))
    return 'the Request Object is signed by an algorithm that FAPI does not allow'
  if (typeof nbf !== 'number' || typeof exp !== 'number') return 'the Request Object needs nbf and exp'
  return exp - nbf > longestRequestSeconds && 'the Request Object is good for more than an hour'
}

/** CIBA Core 1.0 §7.1.1, and how long FAPI-CIBA §5.2.2 lets such a request be good. */
function askFault({ iat, nbf, exp, jti }: Record<string, unknown>): string | false {
  if (typeof iat !== 'number' || typeof nbf !== 'number' || typeof exp !== 'number' || !jti)
    return 'the Request Object needs iat, nbf, exp and jti'
  return exp - nbf > longestRequestSeconds && 'the Request Object is good for more than an hour'
}

/** RFC 9449 §10: a thumbprint of SHA-256. oidc-provider keeps whatever stands there, and no database keeps some of it. */
function assertThumbprint(_ctx: KoaContextWithOIDC, jkt: string | undefined): void {
  if (jkt !== undefined && !/^[\w-]{43}$/.test(jkt))
    throw new errors.InvalidRequest('dpop_jkt must be the thumbprint of a key')
}

export function createRequestSecurity({ outgoing, clock, certificates, sealer }: RequestSecurityDeps) {
  const isAhead = ({ iat, nbf }: Record<string, unknown>): boolean =>
    [iat, nbf].some((at) => Number(at ?? 0) > clock.seconds() + limits.clockAheadSeconds)

  async function assertAssertion(
    { oidc }: KoaContextWithOIDC,
    claims: Record<string, unknown>,
    header: Record<string, unknown>,
    client: Client,
  ): Promise<void> {
    if (isAhead(claims)) throw new errors.InvalidClientAuth('the client_assertion is from the future')
    const fault = isFapi2(client) && fapiFault(header, claims.aud, oidc.issuer)
    if (fault) throw new errors.InvalidClientAuth(fault)
    if (Number(claims.exp) > clock.seconds() + longestAssertionSeconds)
      throw new errors.InvalidClientAuth('the client_assertion is good for more than an hour')
  }

  /** oidc-provider has checked issuer, audience and times; what was pushed passes here too. */
  async function assertRequestObject(
    { oidc }: KoaContextWithOIDC,
    claims: Record<string, unknown>,
    header: Record<string, unknown>,
    client: Client,
  ): Promise<void> {
    // RFC 9101 §10.8: a token that was signed for something else is no request
    if (!requestTypes.has(header.typ))
      throw new errors.InvalidRequestObject('the Request Object has another type')
    if (isAhead(claims)) throw new errors.InvalidRequestObject('the Request Object is from the future')
    const isAsk = oidc.route === 'backchannel_authentication'
    const fault = (isAsk && askFault(claims)) || (isFapi2(client) && requestFault(header, claims))
    if (fault) throw new errors.InvalidRequestObject(fault)
    if (claims.sub === client.clientId)
      throw new errors.InvalidRequestObject('a Request Object has no sub: an assertion has')
    if (!isKeepableJson(claims))
      throw new errors.InvalidRequestObject('the Request Object holds text that cannot be kept')
  }

  /**
   * FAPI 2.0 §5.3.2.1: it goes for proofs of possession as well. Called before oidc-provider checks one, which takes it
   * from clocks that are five minutes ahead; so what it says is read here, and never believed.
   */
  function needsNonce({ oidc, req }: KoaContextWithOIDC): boolean {
    const [, claims = ''] = String(req.headers.dpop).split('.')
    if (isFapi2(oidc.client) && isAhead(jsonOf(claims) ?? {}))
      throw new errors.InvalidDpopProof('the DPoP proof is from the future')
    return oidc.client?.require_dpop_nonce === true
  }

  const features = {
    pushedAuthorizationRequests: { enabled: true },
    requestObjects: { enabled: true, assertJwtClaimsAndHeader: assertRequestObject },
    jwtResponseModes: { enabled: true },
    webMessageResponseMode: { enabled: true, ack: 'individual-draft-01' },
    jwtIntrospection: { enabled: true },
    jwtUserinfo: { enabled: true },
    fapi: {
      enabled: true,
      profile: (_ctx: unknown, client: Client) => (isFapi2(client) ? '2.0' : undefined),
    },
    mTLS: mutualTlsFeature(certificates),
    dPoP: {
      enabled: true,
      // Derived from what every process holds, so that each knows the nonces of the others
      nonceSecret: sealer.derive('dpop-nonce').export(),
      requireNonce: needsNonce,
    },
  } satisfies Configuration['features']

  const options: Partial<Configuration> = {
    clientAuthMethods: authMethods.filter(
      (method) => missingFor({ token_endpoint_auth_method: method }, certificates) === undefined,
    ),
    extraParams: { dpop_jkt: assertThumbprint },
    assertJwtClientAuthClaimsAndHeader: assertAssertion,
    // FAPI 2.0 §5.3.2.1: the tokens of such a client are bound already, and rotation would only lose some
    rotateRefreshToken: ({ oidc }) => !isFapi2(oidc.client),
    fetch: outgoing.fetch,
  }

  const algs = {
    clientAuthSigningAlgValues: [...signatureAlgs],
    dPoPSigningAlgValues: [...proofAlgs],
    requestObjectSigningAlgValues: [...signatureAlgs],
    // Of the keys that sign, those that a client may register: one of PS256 is there for tokens of APIs alone
    idTokenSigningAlgValues: [...ownAlgs],
    userinfoSigningAlgValues: [...ownAlgs],
    authorizationSigningAlgValues: [...ownAlgs],
    introspectionSigningAlgValues: [...ownAlgs],
  } satisfies Configuration['enabledJWA']

  return { features, options, algs }
}
