// Owns proofs of possession (RFC 9449) where Foyer is the resource server itself. At the token endpoint and at
// userinfo they are oidc-provider's.
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import type Koa from 'koa'
import type { Artifacts } from '../features/artifacts/service.ts'
import { hashSecret } from '../kernel/secrets.ts'
import { after, type Clock, seconds } from '../kernel/time.ts'
import { bytesOf, fits, jsonOf, thumbprint, verifiers } from './jws.ts'

export const proofAlgs = ['ES256', 'EdDSA', 'PS256'] as const
type ProofAlg = (typeof proofAlgs)[number]

/** How far the clock of a client may be off; oidc-provider's own measure. */
const windowSeconds = 300
const longestJti = 512

export type ProofDeps = { issuer: string; clock: Clock; artifacts: Pick<Artifacts, 'claimOnce'> }

type Proof = { jkt: string; claims: Record<string, unknown> }

export function createProofs({ issuer, clock, artifacts }: ProofDeps) {
  /** RFC 9449 §4.3, checks 9 to 12. */
  function fits(ctx: Koa.Context, token: string, claims: Record<string, unknown>): boolean {
    const { htm, htu, iat, ath } = claims
    return (
      htm === ctx.method &&
      withoutQuery(htu) === new URL(issuer + ctx.path).href &&
      typeof iat === 'number' &&
      Math.abs(clock.seconds() - iat) <= windowSeconds &&
      ath === hashSecret(token).toString('base64url')
    )
  }

  /** The thumbprint of the key that this request's proof was made with; nothing when the proof is not good for it. */
  return async function thumbprintOf(ctx: Koa.Context, token: string): Promise<string | undefined> {
    const proof = read(ctx.get('DPoP'))
    if (!proof || !fits(ctx, token, proof.claims)) return undefined
    const { jti } = proof.claims
    if (typeof jti !== 'string' || jti === '' || jti.length > longestJti) return undefined
    // RFC 9449 §11.1
    const until = after(clock.now(), seconds(2 * windowSeconds))
    const isFirst = await artifacts.claimOnce(`dpop ${proof.jkt} ${jti}`, until)
    return isFirst ? proof.jkt : undefined
  }
}

/** RFC 9449 §4.3, checks 2 to 8: a signature by the key inside. */
function read(text: string): Proof | undefined {
  const [header = '', payload = '', signature = '', ...more] = text.split('.')
  const { typ, alg, jwk } = jsonOf(header) ?? {}
  const known = proofAlgs.find((each) => each === alg)
  if (more.length > 0 || typ !== 'dpop+jwt' || known === undefined) return undefined
  const key = keyOf(jwk, known)
  const bytes = bytesOf(signature)
  if (!key || !bytes || !verifiers[known](Buffer.from(`${header}.${payload}`), key.object, bytes))
    return undefined
  const claims = jsonOf(payload)
  return claims && { jkt: thumbprint(key.jwk), claims }
}

/** The public key of a proof, when its algorithm can use it. */
function keyOf(jwk: unknown, alg: ProofAlg): { object: KeyObject; jwk: Record<string, unknown> } | undefined {
  const given: Record<string, unknown> = Object(jwk)
  if ('d' in given) return undefined
  try {
    const object = createPublicKey({ key: given as JsonWebKey, format: 'jwk' })
    return fits[alg](object) ? { object, jwk: { ...object.export({ format: 'jwk' }) } } : undefined
  } catch {
    return undefined
  }
}

function withoutQuery(htu: unknown): string | undefined {
  const url = typeof htu === 'string' ? URL.parse(htu) : null
  if (!url) return undefined
  url.search = ''
  url.hash = ''
  return url.href
}
