// Owns the grants by which a person signs in elsewhere: on another device, or in answer to a mail.
import { cibaGrant } from './ciba-schema.ts'

/** RFC 8628 §3.4. */
export const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'

export const signsInElsewhere = (grants: readonly string[]): boolean =>
  grants.includes(deviceGrant) || grants.includes(cibaGrant)
