// Owns the grants by which a client gets a person's tokens without a redirect of its own: the person signs in on another
// device or in answer to a mail, or signed in to somebody else.
import { jwtBearerGrant } from './assertion-schema.ts'
import { cibaGrant } from './ciba-schema.ts'

/** RFC 8628 §3.4. */
export const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'

/** RFC 8693 §2.1. */
export const tokenExchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'

export const signsInElsewhere = (grants: readonly string[]): boolean =>
  grants.includes(deviceGrant) || grants.includes(cibaGrant)

export const takesTokensOfOthers = (grants: readonly string[]): boolean =>
  grants.includes(tokenExchangeGrant) || grants.includes(jwtBearerGrant)
