// Owns whether an access token is good for this server: by its signature and claims (RFC 9068 §4). Where the keys are is
// asked of the issuer (RFC 8414), as MCP clients ask it too.
import type { AuthInfo } from '@modelcontextprotocol/sdk/server/auth/types.js'
import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from 'jose'

/** `unknown`: nobody can say now, because Foyer does not answer. */
export type Checked = AuthInfo | 'refused' | 'unknown'

const algorithms = ['ES256', 'RS256', 'EdDSA', 'PS256']
const patienceMs = 3_000

type Keys = ReturnType<typeof createRemoteJWKSet>

export function createAccessTokens({ issuer, resource }: { issuer: string; resource: string }) {
  let found: Keys | undefined

  async function findKeys(): Promise<Keys> {
    if (found) return found
    const response = await fetch(`${issuer}/.well-known/oauth-authorization-server`, {
      signal: AbortSignal.timeout(patienceMs),
      redirect: 'error',
    })
    const said = (await response.json()) as { issuer?: string; jwks_uri?: string }
    // RFC 8414 §3.3: a document that names another issuer is somebody else's
    if (said.issuer !== issuer || said.jwks_uri === undefined) throw new Error('no metadata of this issuer')
    found = createRemoteJWKSet(new URL(said.jwks_uri), { timeoutDuration: patienceMs })
    return found
  }

  async function check(token: string): Promise<Checked> {
    try {
      const { payload } = await jwtVerify(token, await findKeys(), {
        issuer,
        // RFC 8707: a token for another server is no token here, whoever passes it on
        audience: resource,
        algorithms,
        typ: 'at+jwt',
        requiredClaims: ['sub', 'exp', 'iat', 'jti', 'client_id'],
      })
      return authOf(token, payload)
    } catch (error) {
      // Whatever is not about the token is about fetching the keys
      const isAboutToken = error instanceof errors.JOSEError && error.code !== 'ERR_JWKS_TIMEOUT'
      return isAboutToken && error.code !== 'ERR_JOSE_GENERIC' ? 'refused' : 'unknown'
    }
  }

  return { check }
}

function authOf(token: string, { client_id, scope, exp, sub }: JWTPayload): AuthInfo {
  return {
    token,
    clientId: String(client_id),
    scopes: typeof scope === 'string' ? scope.split(' ') : [],
    ...(exp !== undefined && { expiresAt: exp }),
    extra: { sub },
  }
}
