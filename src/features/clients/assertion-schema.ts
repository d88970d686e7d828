// Owns what a registration says about workloads that sign in as a client by an assertion of somebody else's (RFC 7523
// §2.1): whose assertions are taken, with which keys, and what they must say.
import { z } from 'zod'
import { KeySet } from './client-keys.ts'
import { calledAddress } from './web-address.ts'

/** RFC 7523 §2.1. */
export const jwtBearerGrant = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

const text = z.string().min(1).max(1000)
const oneOrMore = z.union([text.transform((one) => [one]), z.array(text).min(1).max(50)])

export const TrustedIssuer = z
  .strictObject({
    /** As its assertions name it (`iss`). */
    issuer: text,
    jwks: KeySet.optional(),
    jwks_uri: calledAddress.optional(),
    /** What `aud` must name; the issuer of Foyer when it is left out. */
    audience: text.optional(),
    /** What `sub` must be, or one of several. */
    subject: oneOrMore.optional(),
    /** Further claims, each of which must be what is named, or one of several. */
    claims: z.record(z.string().min(1).max(200), oneOrMore).optional(),
  })
  .refine(
    ({ jwks, jwks_uri }) => (jwks === undefined) !== (jwks_uri === undefined),
    'must have jwks or jwks_uri',
  )
  .refine(
    ({ subject, claims = {} }) => subject !== undefined || Object.keys(claims).length > 0,
    'must say by subject or claims which of its workloads are meant',
  )
export type TrustedIssuer = z.output<typeof TrustedIssuer>

export const assertionFields = {
  assertion_issuers: z
    .array(TrustedIssuer)
    .min(1)
    .max(20)
    .refine((all) => new Set(all.map(({ issuer }) => issuer)).size === all.length, 'must not name one twice')
    .optional(),
}

export function assertionContradictions(client: {
  grant_types: readonly string[]
  assertion_issuers?: readonly TrustedIssuer[] | undefined
}): ['assertion_issuers', string][] {
  const usesGrant = client.grant_types.includes(jwtBearerGrant)
  if (usesGrant && !client.assertion_issuers)
    return [['assertion_issuers', 'must say whose assertions are taken']]
  return !usesGrant && client.assertion_issuers ? [['assertion_issuers', 'needs the jwt-bearer grant']] : []
}
