// Owns what a relying party must find in a token before it believes it, one sentence per finding.
import { createHash } from 'node:crypto'
import { type Check, checkSignature, type Jwt, type PublicKeys } from './playground-jws.ts'

export type Expected = {
  issuer: string
  audience: string
  nowSeconds: number
  /** Of an ID token: what was sent along with the authorization request. */
  nonce?: string | undefined
  /** Of an ID token: the access token that came with it. */
  accessToken?: string | undefined
}

/** Clocks of two machines differ a little. */
const toleranceSeconds = 5

export function checkToken(jwt: Jwt, keys: PublicKeys, expected: Expected): Check[] {
  return [checkSignature(jwt, keys), ...checkClaims(jwt, expected), ...checkBindings(jwt, expected)]
}

function checkClaims({ claims }: Jwt, { issuer, audience, nowSeconds }: Expected): Check[] {
  const audiences = [claims.aud].flat()
  const { exp } = claims
  const lives = typeof exp === 'number' && exp + toleranceSeconds > nowSeconds
  return [
    {
      passed: claims.iss === issuer,
      text: `iss ${claims.iss === issuer ? 'is' : 'is not'} the issuer that this app trusts, ${issuer}.`,
    },
    {
      passed: audiences.includes(audience),
      text: `aud ${audiences.includes(audience) ? 'names' : 'does not name'} ${audience}.`,
    },
    { passed: lives, text: lives ? 'exp lies in the future.' : 'exp has passed: the token is over.' },
  ]
}

// OIDC Core §3.1.3.6 and §3.1.3.7; what was not sent or not returned is not judged.
function checkBindings({ header, claims }: Jwt, { nonce, accessToken }: Expected): Check[] {
  const checks: Check[] = []
  if (nonce !== undefined) {
    const fits = claims.nonce === nonce
    checks.push({ passed: fits, text: `nonce ${fits ? 'is' : 'is not'} the one this sign-in began with.` })
  }
  if (accessToken !== undefined && claims.at_hash !== undefined) {
    const fits = claims.at_hash === halfHash(accessToken, header.alg)
    checks.push({ passed: fits, text: `at_hash ${fits ? 'fits' : 'does not fit'} the access token.` })
  }
  return checks
}

function halfHash(text: string, alg: unknown): string {
  const digest = createHash(alg === 'EdDSA' ? 'sha512' : 'sha256')
    .update(text)
    .digest()
  return digest.subarray(0, digest.length / 2).toString('base64url')
}
