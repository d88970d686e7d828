// Owns what the playground knows of its issuer: discovery and JWKS, read from where the standards put them.
import { z } from 'zod'
import type { Clock } from '../kernel/time.ts'
import { Jwks, type Jwt, type PublicKeys } from './playground-jws.ts'
import type { Exchange, Wire } from './playground-wire.ts'

/** OpenID Connect Discovery 1.0 §3: the part that the playground uses. */
const Metadata = z.object({
  issuer: z.string(),
  authorization_endpoint: z.url(),
  token_endpoint: z.url(),
  userinfo_endpoint: z.url(),
  jwks_uri: z.url(),
  introspection_endpoint: z.url(),
  revocation_endpoint: z.url(),
  end_session_endpoint: z.url(),
})
export type Metadata = z.output<typeof Metadata>

export type Tell = (exchange: Exchange) => void

export type Issuer = {
  /** Undefined when Foyer does not answer as it should; what was tried is told. */
  metadata(tell: Tell): Promise<Metadata | undefined>
  /** The keys that may have signed the token; asked again when it names one that is not known yet. */
  keysFor(jwt: Jwt, tell: Tell): Promise<PublicKeys>
}

const metadataLifetimeMs = 60_000

export function createIssuer(deps: { issuer: string; wire: Wire; clock: Clock }): Issuer {
  const { issuer, wire, clock } = deps
  let known: { metadata: Metadata; until: number } | undefined
  let keys: PublicKeys = []

  async function metadata(tell: Tell): Promise<Metadata | undefined> {
    if (known && known.until > clock.millis()) return known.metadata
    const { exchange, json } = await wire.send({
      title: 'Discovery',
      why: 'An app needs to know only the issuer: the addresses of everything else are in this document.',
      url: `${issuer}/.well-known/openid-configuration`,
      isLookup: true,
    })
    tell(exchange)
    const read = Metadata.safeParse(json)
    // OpenID Connect Discovery 1.0 §4.3: the document must name the issuer it was asked of.
    if (!read.success || read.data.issuer !== issuer) return undefined
    known = { metadata: read.data, until: clock.millis() + metadataLifetimeMs }
    return read.data
  }

  async function keysFor(jwt: Jwt, tell: Tell): Promise<PublicKeys> {
    if (keys.some(({ kid }) => kid === jwt.header.kid)) return keys
    const found = await metadata(tell)
    if (!found) return keys
    const { exchange, json } = await wire.send({
      title: 'JWKS',
      why: 'The public keys of Foyer. With them any app can judge a signature by itself.',
      url: found.jwks_uri,
      isLookup: true,
    })
    tell(exchange)
    keys = Jwks.safeParse(json).data?.keys ?? []
    return keys
  }

  return { metadata, keysFor }
}
