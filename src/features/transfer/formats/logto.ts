// Owns what of a Logto export becomes what: a list of users as its management API gives them, or a document that holds
// `users`, `organizations` and `applications`.
import type { Item } from '../item.ts'
import { type Element, elementsOf, isObject, type Json, parseDocument, readText } from './document.ts'
import { createSlugs, given, rolesOf, textOf, timeOf } from './foreign.ts'

export async function* readLogto(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Item> {
  const text = await readText(bytes)
  const document = parseDocument(text)
  const users = elementsOf(text, document, Array.isArray(document) ? '' : 'users')
  for (const user of users) yield itemOf(user, userOf(user.value))
  const emailOf = new Map(users.map(({ value }) => [value.id, value.primaryEmail]))
  const slugFor = createSlugs()
  const slugIn = ({ id, name }: Json) => slugFor(String(id ?? name), String(name))
  const organizations = elementsOf(text, document, 'organizations')
  for (const each of organizations) yield itemOf(each, teamOf(each.value, slugIn(each.value)))
  for (const each of organizations) {
    for (const member of listIn(each.value, 'users').filter(isObject)) {
      const user = emailOf.get(member.id) ?? member.primaryEmail
      yield itemOf(each, given({ type: 'member', team: slugIn(each.value), user, role: roleOf(member) }))
    }
  }
  for (const application of elementsOf(text, document, 'applications')) {
    yield itemOf(application, clientOf(application.value))
  }
}

const itemOf = ({ line, at }: Element, value: object): Item => ({ line, at, value })
const listIn = (value: Json, name: string): unknown[] => (Array.isArray(value[name]) ? value[name] : [])
const objectIn = (value: Json, name: string): Json => (isObject(value[name]) ? value[name] : {})
const nameOf = (value: unknown): unknown => (isObject(value) ? value.name : value)

function userOf(user: Json): object {
  const profile = objectIn(user, 'profile')
  const address = objectIn(profile, 'address')
  const phone = textOf(user.primaryPhone)
  return given({
    type: 'user',
    email: user.primaryEmail,
    // Logto takes an address only after its proof, and tells apps so
    email_verified: textOf(user.primaryEmail) !== undefined,
    username: user.username,
    name: user.name,
    picture: user.avatar,
    given_name: profile.givenName,
    family_name: profile.familyName,
    middle_name: profile.middleName,
    nickname: profile.nickname,
    profile: profile.profile,
    website: profile.website,
    gender: profile.gender,
    birthdate: profile.birthdate,
    zoneinfo: profile.zoneinfo,
    locale: profile.locale,
    address: Object.keys(address).length > 0 ? addressOf(address) : undefined,
    phone_number: phone && `+${phone.replace(/^\+/, '')}`,
    phone_number_verified: phone ? true : undefined,
    status: user.isSuspended === true ? 'disabled' : 'active',
    roles: rolesOf('logto', listIn(user, 'roles').map(nameOf)),
    created_at: timeOf(user.createdAt),
    password_hash: user.passwordEncrypted,
  })
}

const addressOf = ({ formatted, streetAddress, locality, region, postalCode, country }: Json): object =>
  given({ formatted, street_address: streetAddress, locality, region, postal_code: postalCode, country })

const teamOf = (organization: Json, slug: string): object =>
  given({
    type: 'team',
    slug,
    name: organization.name,
    description: organization.description,
    created_at: timeOf(organization.createdAt),
  })

/** The first of ours that is among theirs. */
function roleOf(member: Json): string {
  const roles = listIn(member, 'organizationRoles').map((role) => String(nameOf(role)).toLowerCase())
  return ['owner', 'admin'].find((name) => roles.includes(name)) ?? 'member'
}

function clientOf(application: Json): object {
  const { id, name, secret, type } = application
  const metadata = objectIn(application, 'oidcClientMetadata')
  const custom = objectIn(application, 'customClientMetadata')
  const isPublic = type === 'SPA' || type === 'Native'
  const isMachine = type === 'MachineToMachine'
  const origins = listIn(custom, 'corsAllowedOrigins')
  return given({
    type: 'client',
    client_id: id,
    client_name: name,
    client_secret: isPublic ? undefined : secret,
    application_type: type === 'Native' ? 'native' : 'web',
    token_endpoint_auth_method: isPublic ? 'none' : 'client_secret_basic',
    grant_types: isMachine ? ['client_credentials'] : ['authorization_code', 'refresh_token'],
    redirect_uris: isMachine ? [] : listIn(metadata, 'redirectUris'),
    post_logout_redirect_uris: listIn(metadata, 'postLogoutRedirectUris'),
    allowed_cors_origins: origins.length > 0 ? origins : undefined,
  })
}
