// Owns an issuer that signs whatever a test wants: for resource servers, which must refuse what Foyer never gives.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWTHeaderParameters, type JWTPayload, SignJWT } from 'jose'

export type Signing = { key: CryptoKey; alg: string; kid: string }

export type TestIssuer = {
  issuer: string
  /** Publishes a new key. */
  addKey(alg: string): Promise<Signing>
  /** How often its keys were fetched. */
  fetches(): number
  /** What it does from now on: answer, refuse with a 500, or keep everybody waiting. */
  behave(how: 'well' | 'broken' | 'silent'): void
  close(): Promise<void>
}

export async function startTestIssuer(): Promise<TestIssuer> {
  const keys: object[] = []
  let fetches = 0
  let behaviour: 'well' | 'broken' | 'silent' = 'well'
  const server = createServer((req, res) => {
    if (behaviour === 'silent') return
    if (behaviour === 'broken') {
      res.writeHead(500).end()
      return
    }
    const isJwks = req.url === '/jwks'
    if (isJwks) fetches += 1
    res.setHeader('content-type', 'application/json')
    res.end(JSON.stringify(isJwks ? { keys } : { issuer, jwks_uri: `${issuer}/jwks` }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  async function addKey(alg: string): Promise<Signing> {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
    const kid = `${alg}-${keys.length}`
    keys.push({ ...(await exportJWK(publicKey)), alg, kid, use: 'sig' })
    return { key: privateKey, alg, kid }
  }

  return {
    issuer,
    addKey,
    fetches: () => fetches,
    behave: (how) => {
      behaviour = how
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** An access token like Foyer's, but for what the test changes; `undefined` leaves a claim out. */
export function signToken(
  issuer: string,
  { key, alg, kid }: Signing,
  changes: { claims?: JWTPayload; header?: Partial<JWTHeaderParameters> } = {},
): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    iss: issuer,
    sub: 'somebody',
    aud: 'urn:demo:quests',
    client_id: 'an-app',
    scope: 'quests:read quests:write',
    jti: crypto.randomUUID(),
    iat: now,
    exp: now + 300,
    ...changes.claims,
  }
  const header = { alg, kid, typ: 'at+jwt', ...changes.header }
  const extensions = Object.fromEntries((header.crit ?? []).map((name) => [name, true]))
  return new SignJWT(claims).setProtectedHeader(header).sign(key, { crit: extensions })
}
