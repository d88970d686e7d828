// Owns the configuration of how requests and clients are guarded: pushed requests (RFC 9126), keys of clients
// (RFC 7523) and proofs of possession (RFC 9449). What a client may register of it is features/clients/security-schema.ts.
import type { Configuration, KoaContextWithOIDC } from 'oidc-provider'
import { errors } from 'oidc-provider'
import { authMethods, signatureAlgs } from '../features/clients/security-schema.ts'
import type { Clock } from '../kernel/time.ts'
import type { OutboundFetch } from '../platform/outbound.ts'
import { proofAlgs } from './dpop-proof.ts'
import { createOutgoing } from './outgoing.ts'

/** RFC 7523 §3: an assertion that is good for longer than this is refused, or its `jti` were kept as long. */
const longestAssertionSeconds = 3_600

export type RequestSecurityDeps = {
  call: OutboundFetch
  clock: Clock
  sealer: { derive(purpose: string): Buffer }
}
export type RequestSecurity = ReturnType<typeof createRequestSecurity>

export function createRequestSecurity({ call, clock, sealer }: RequestSecurityDeps) {
  async function assertAssertion(_ctx: KoaContextWithOIDC, claims: Record<string, unknown>): Promise<void> {
    if (Number(claims.exp) > clock.seconds() + longestAssertionSeconds)
      throw new errors.InvalidClientAuth('the client_assertion is good for more than an hour')
  }

  const features = {
    pushedAuthorizationRequests: { enabled: true },
    dPoP: {
      enabled: true,
      // Derived from what every process holds, so that each knows the nonces of the others
      nonceSecret: sealer.derive('dpop-nonce'),
      requireNonce: ({ oidc }: KoaContextWithOIDC) => oidc.client?.require_dpop_nonce === true,
    },
  } satisfies Configuration['features']

  const options: Partial<Configuration> = {
    clientAuthMethods: [...authMethods],
    assertJwtClientAuthClaimsAndHeader: assertAssertion,
    fetch: createOutgoing({ call, clock }),
  }

  const algs = {
    clientAuthSigningAlgValues: [...signatureAlgs],
    dPoPSigningAlgValues: [...proofAlgs],
  } satisfies Configuration['enabledJWA']

  return { features, options, algs }
}
