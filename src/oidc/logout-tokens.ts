// Owns the logout token of OpenID Connect Back-Channel Logout 1.0 §2.4, signed as the ID tokens of its client are.
import { createPrivateKey } from 'node:crypto'
import type { SigningKey } from '../features/artifacts/signing-keys.ts'
import { randomToken } from '../kernel/secrets.ts'
import type { Clock } from '../kernel/time.ts'
import { signers } from './signing.ts'

export type LogoutTokenDeps = { issuer: string; clock: Clock; listKeys: () => Promise<SigningKey[]> }
export type LogoutTokenOf = { clientId: string; alg: string; sub: string; sid: string }

/** §2.4: short, so that a token that was caught on its way is soon worth nothing. */
const ttlSeconds = 120
const event = 'http://schemas.openid.net/event/backchannel-logout'

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

export function createLogoutTokens({ issuer, clock, listKeys }: LogoutTokenDeps) {
  return async function mint({ clientId, alg, sub, sid }: LogoutTokenOf): Promise<string> {
    const key = (await listKeys()).find((each) => each.alg === alg && each.state === 'active')
    if (!key?.privateKey) throw new Error(`there is no active key for ${alg}`)
    const iat = clock.seconds()
    const header = part({ alg, kid: key.kid, typ: 'logout+jwt' })
    // §2.4: no nonce, so that nobody takes it for an ID token
    const claims = { iss: issuer, aud: clientId, iat, exp: iat + ttlSeconds, jti: randomToken(), sub, sid }
    const signed = `${header}.${part({ ...claims, events: { [event]: {} } })}`
    const secret = createPrivateKey({ key: key.privateKey, format: 'der', type: 'pkcs8' })
    const signature = await signers[key.alg](Buffer.from(signed), secret)
    return `${signed}.${signature.toString('base64url')}`
  }
}

export type MintLogoutToken = ReturnType<typeof createLogoutTokens>
