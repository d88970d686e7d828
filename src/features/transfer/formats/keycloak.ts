// Owns what of a Keycloak realm export becomes what: users with their hashes, groups as teams, clients. Keycloak's own
// clients and service accounts stay behind.
import type { Item } from '../item.ts'
import { type Element, elementsOf, isObject, type Json, parseDocument, readText } from './document.ts'
import { createSlugs, given, rolesOf, textOf, timeOf } from './foreign.ts'

const ownClients = [
  'account',
  'account-console',
  'admin-cli',
  'broker',
  'realm-management',
  'security-admin-console',
]
const ownRoles = /^(default-roles-.*|offline_access|uma_authorization)$/

export async function* readKeycloak(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Item> {
  const text = await readText(bytes)
  const realm = parseDocument(text)
  const slugFor = createSlugs()
  const users = elementsOf(text, realm, 'users').filter(({ value }) => !value.serviceAccountClientId)
  for (const user of users) yield itemOf(user, userOf(user.value))
  for (const group of elementsOf(text, realm, 'groups')) {
    for (const { path, name } of pathsIn(group.value)) {
      yield itemOf(group, { type: 'team', slug: slugFor(path), name })
    }
  }
  for (const user of users) {
    for (const path of listIn(user.value, 'groups')) {
      const who = textOf(user.value.email) ?? textOf(user.value.username)
      yield itemOf(user, { type: 'member', team: slugFor(String(path)), user: who })
    }
  }
  for (const client of elementsOf(text, realm, 'clients')) {
    if (!ownClients.includes(String(client.value.clientId))) yield clientItem(client)
  }
}

const itemOf = ({ line, at }: Element, value: object): Item => ({ line, at, value })
const listIn = (value: Json, name: string): unknown[] => (Array.isArray(value[name]) ? value[name] : [])

function userOf(user: Json): object {
  const { id, email, emailVerified, username, firstName, lastName, enabled, createdTimestamp } = user
  const attributes = isObject(user.attributes) ? user.attributes : {}
  const name = [firstName, lastName].filter((part) => textOf(part)?.trim()).join(' ')
  const roles = listIn(user, 'realmRoles').filter((role) => !ownRoles.test(String(role)))
  return given({
    type: 'user',
    id,
    email,
    email_verified: emailVerified === true,
    // With addresses for user names, as many realms have it, there is none beside the address
    username: textOf(username)?.includes('@') ? undefined : username,
    name,
    given_name: firstName,
    family_name: lastName,
    locale: listIn(attributes, 'locale')[0],
    status: enabled === false ? 'disabled' : 'active',
    roles: rolesOf('keycloak', roles),
    created_at: timeOf(createdTimestamp),
    password_hash: hashOf(listIn(user, 'credentials')),
  })
}

/** What nobody could compare is handed on, so that the line is refused for it and not the person at the door. */
function hashOf(credentials: readonly unknown[]): string | undefined {
  const password = credentials.filter(isObject).find(({ type }) => type === 'password')
  if (!password) return undefined
  const data = partsOf(password.credentialData)
  const secret = partsOf(password.secretData)
  const [salt, value] = [unpadded(secret.salt), unpadded(secret.value)]
  const algorithm = String(data.algorithm)
  if (/^pbkdf2-sha(256|512)$/.test(algorithm)) {
    return `$${algorithm}$i=${data.hashIterations}$${salt}$${value}`
  }
  if (algorithm !== 'argon2') return `a hash by ${algorithm}`
  const more = isObject(data.additionalParameters) ? data.additionalParameters : {}
  const one = (name: string) => String(listIn(more, name)[0])
  const version = one('version') === '1.0' ? 16 : 19
  const costs = `m=${one('memory')},t=${data.hashIterations},p=${one('parallelism')}`
  return `$argon2${one('type')}$v=${version}$${costs}$${salt}$${value}`
}

/** JSON in a text, as Keycloak stores it. */
function partsOf(text: unknown): Json {
  try {
    const value: unknown = JSON.parse(String(text))
    return isObject(value) ? value : {}
  } catch {
    return {}
  }
}

const unpadded = (base64: unknown): string => String(base64).replace(/=+$/, '')

/** A group and those below it: `/acme/engineering` becomes the team acme-engineering. */
function pathsIn(group: Json, above = ''): { path: string; name: unknown }[] {
  const path = textOf(group.path) ?? `${above}/${group.name}`
  const below = listIn(group, 'subGroups').filter(isObject)
  return [{ path, name: group.name }, ...below.flatMap((each) => pathsIn(each, path))]
}

function clientItem({ line, at, value: client }: Element): Item {
  if (client.protocol === 'saml') return { line, refused: `${at}: speaks SAML, which Foyer does not` }
  if (client.bearerOnly === true) return { line, refused: `${at}: is an API: register it as one` }
  const attributes = isObject(client.attributes) ? client.attributes : {}
  const signsIn = client.standardFlowEnabled !== false
  const isPublic = client.publicClient === true
  const secret = textOf(client.secret)
  const grants = [
    ...(signsIn ? ['authorization_code', 'refresh_token'] : []),
    ...(client.serviceAccountsEnabled === true ? ['client_credentials'] : []),
  ]
  const origins = listIn(client, 'webOrigins').filter((origin) => origin !== '+')
  const afterSignOut = textOf(attributes['post.logout.redirect.uris'])?.split('##') ?? []
  const value = given({
    type: 'client',
    client_id: client.clientId,
    client_name: client.name,
    enabled: client.enabled !== false,
    // An export without secrets has asterisks in their place
    client_secret: isPublic || secret === undefined || /^\*+$/.test(secret) ? undefined : secret,
    token_endpoint_auth_method: isPublic ? 'none' : 'client_secret_basic',
    grant_types: grants,
    redirect_uris: signsIn ? listIn(client, 'redirectUris') : [],
    post_logout_redirect_uris: afterSignOut.filter((uri) => uri !== '' && uri !== '+' && uri !== '-'),
    allowed_cors_origins: origins.length > 0 ? origins : undefined,
    require_pkce: isPublic || attributes['pkce.code.challenge.method'] === 'S256',
  })
  return { line, at, value }
}
