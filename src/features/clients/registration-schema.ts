// Owns what an app may say of itself that registers by itself (RFC 7591 §2): what it may not decide is left out, what
// nobody knows is ignored, and the rest goes through the schema of every client.
import { AppError, type FieldError, invalidInput } from '../../kernel/errors.ts'
import { refusalOf } from '../../platform/outbound.ts'
import { jwtBearerGrant } from './assertion-schema.ts'
import { cibaGrant } from './ciba-schema.ts'
import { tokenExchangeGrant } from './elsewhere-grants.ts'
import { ClientFields, type ClientMetadata } from './schema.ts'

/** Up to the owner of this installation. */
const ownersOnly = new Set([
  'first_party',
  'access',
  'assertion_issuers',
  'default_resource',
  'email_methods',
  'refresh_grace_seconds',
  'token_exchange_clients',
])

/** Whom the owner let in, and whom they believe: nothing that an app is told of itself. */
const ownersRules = ['access', 'email_methods', 'assertion_issuers', 'token_exchange_clients'] as const
type OwnersRule = (typeof ownersRules)[number]

/** They make tokens of what others were given, or mail whomever an app names: nothing for one that nobody knows. */
const ownersGrants: readonly unknown[] = [tokenExchangeGrant, jwtBearerGrant, cibaGrant]

const isKnown = (member: string): boolean =>
  Object.hasOwn(ClientFields.shape, member) && !ownersOnly.has(member)
const isAbsent = (value: unknown): boolean => value === null || value === ''

/** Clients in the wild know nothing of PKCE; one without a secret has to, and one of a profile. */
const isConfidential = (method: unknown): boolean => method !== 'none'

/** The members of a registration that count; `null` and the empty text take one away (RFC 7592 §2.2). */
export function membersOf(body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const members = Object.fromEntries(
    Object.entries(body).filter(([member, value]) => isKnown(member) && !isAbsent(value)),
  )
  const isLeftOpen = members.require_pkce === undefined && members.profile === undefined
  if (isLeftOpen && isConfidential(members.token_endpoint_auth_method)) members.require_pkce = false
  return members
}

/** RFC 7591 §3.2.1: what an app is shown of its registration. */
export function shownMembers(metadata: ClientMetadata): Omit<ClientMetadata, OwnersRule> {
  const shown: ClientMetadata = { ...metadata }
  for (const member of ownersRules) delete shown[member]
  return shown
}

export type RegistrationError =
  | 'invalid_redirect_uri'
  | 'invalid_client_metadata'
  | 'invalid_software_statement'
  | 'unapproved_software_statement'

const isRedirect = ({ pointer }: FieldError): boolean => /^\/redirect_uris(\/|$)/.test(pointer)

/** RFC 7591 §3.2.2: what was wrong with the input. */
export function registrationErrorOf(errors: readonly FieldError[]): [RegistrationError, string] {
  const [first] = errors
  const said = first ? `${first.pointer.slice(1).replaceAll('/', '.')} ${first.detail}` : 'is not understood'
  return [first && isRedirect(first) ? 'invalid_redirect_uri' : 'invalid_client_metadata', said]
}

/** RFC 7591 §3.2.2: refused rather than left out, so that the app learns of it at once. */
export function assertOwnGrants({ grant_types: grants }: Readonly<Record<string, unknown>>): void {
  const index = Array.isArray(grants) ? grants.findIndex((grant) => ownersGrants.includes(grant)) : -1
  if (index < 0) return
  const detail = 'is for clients that the owner of this installation registers'
  throw invalidInput([{ pointer: `/grant_types/${index}`, code: 'not_open', detail }])
}

/** Called by Foyer: of a stranger's app this machine is refused too, which test benches alone may name. */
export function assertOutside({ jwks_uri, backchannel_logout_uri }: ClientMetadata): void {
  for (const [member, address] of Object.entries({ jwks_uri, backchannel_logout_uri })) {
    const refusal = address === undefined ? undefined : refusalOf(new URL(address), { testHooks: false })
    if (refusal !== undefined)
      throw invalidInput([{ pointer: `/${member}`, code: 'invalid', detail: notCalled }])
  }
}
const notCalled = 'must be an https address that is neither private nor this machine'

/** RFC 7591 §2.3: nobody's statements are believed here, so that an app with one is told rather than registered as less. */
export function assertNoStatement({
  software_statement: statement,
}: Readonly<Record<string, unknown>>): void {
  if (statement === undefined || statement === null) return
  const isJwt = typeof statement === 'string' && /^[\w-]+\.[\w-]+\.[\w-]*$/.test(statement)
  throw new AppError('invalid', isJwt ? 'unapproved_software_statement' : 'invalid_software_statement')
}
