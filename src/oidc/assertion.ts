// Owns what an assertion must be to stand for a client (RFC 7523 §3). Every refusal is `invalid_grant` (§3.1), and its
// words are for whoever sets a workload up: the assertion is theirs, and tells them nothing they do not know.
import { errors } from 'oidc-provider'
import { limits } from '../config/limits.ts'
import type { SigningAlg } from '../features/artifacts/signing-keys.ts'
import type { TrustedIssuer } from '../features/clients/assertion-schema.ts'
import { hashText } from '../kernel/secrets.ts'
import type { createAssertionKeys } from './assertion-keys.ts'
import { bytesOf, jsonOf, verifiers } from './jws.ts'

/** How long an assertion may be good for, or what was seen of it would have to be kept as long. */
const longestLifeSeconds = 86_400

const { InvalidGrant } = errors
const refused = (words: string) => new InvalidGrant(`the assertion ${words}`)

export type Claims = Record<string, unknown>
export type Assertion = {
  header: Claims
  claims: Claims
  signed: Buffer
  signature: Buffer
}

/** What it says, unverified. */
export function readAssertion(text: string): Assertion {
  const [header = '', payload = '', signature = '', ...more] = text.split('.')
  const read = { header: jsonOf(header), claims: jsonOf(payload), signature: bytesOf(signature) }
  if (more.length > 0 || !read.header || !read.claims || !read.signature || read.signature.length === 0)
    throw refused('is no signed JWT')
  return { ...read, signed: Buffer.from(`${header}.${payload}`) } as Assertion
}

const isAlg = (alg: unknown): alg is SigningAlg => typeof alg === 'string' && Object.hasOwn(verifiers, alg)

/** RFC 7523 §3, point 9: by a key of the issuer's. */
export async function assertSigned(
  { header, signed, signature }: Assertion,
  issuer: TrustedIssuer,
  keysFor: ReturnType<typeof createAssertionKeys>,
): Promise<void> {
  const { alg, kid, typ, crit } = header
  if (!isAlg(alg)) throw refused(`is not signed by one of ${Object.keys(verifiers).join(', ')}`)
  // RFC 8725 §3.11: what is typed as something else was made for something else
  if (crit !== undefined || (typ !== undefined && String(typ).toLowerCase() !== 'jwt'))
    throw refused('is of a type that is not taken')
  const named = { alg, kid: typeof kid === 'string' ? kid : undefined }
  const keys = await keysFor(issuer, named).catch(() => {
    throw refused('cannot be verified: the keys of its issuer did not come')
  })
  if (!keys.some((key) => verifiers[alg](signed, key, signature))) throw refused('has no good signature')
}

/** RFC 7523 §3, points 4 to 7. */
export function assertInTime({ exp, nbf, iat }: Claims, now: number): void {
  const skew = limits.clockToleranceSeconds
  if (typeof exp !== 'number' || exp <= now - skew) throw refused('has expired, or does not say when it does')
  if (nbf !== undefined && !(Number(nbf) <= now + skew)) throw refused('is not good yet')
  if (typeof iat !== 'number' || iat > now + skew)
    throw refused('does not say when it was issued, or is not yet')
  if (exp - iat > longestLifeSeconds || exp > now + longestLifeSeconds)
    throw refused('is good for more than a day')
}

const isOneOf = (value: unknown, wanted: readonly string[]): boolean =>
  ['string', 'number', 'boolean'].includes(typeof value) && wanted.includes(String(value))

/** RFC 7523 §3, points 2 and 3, and what the registration says of it besides. */
export function assertMeant(claims: Claims, trusted: TrustedIssuer, audiences: readonly string[]): void {
  const wanted = trusted.audience === undefined ? audiences : [trusted.audience]
  if (![claims.aud].flat().some((aud) => isOneOf(aud, wanted))) throw refused('is for another audience')
  if (typeof claims.sub !== 'string') throw refused('has no subject')
  if (trusted.subject && !isOneOf(claims.sub, trusted.subject)) throw refused('has another subject')
  for (const [name, values] of Object.entries(trusted.claims ?? {}))
    if (!Object.hasOwn(claims, name) || !isOneOf(claims[name], values)) throw refused(`has another ${name}`)
}

/** By what it is known again: its `jti`, or all that was signed. A signature has more than one spelling. */
export const nameOf = ({ claims: { iss, jti }, signed }: Assertion): string =>
  ['assertion', iss, typeof jti === 'string' && jti !== '' ? jti : hashText(signed.toString())].join(' ')
