// Owns consent: what the page says an app would get, with the person's own values, and the grant of what was allowed.
import type { Client, Grant, Interaction, Provider } from 'oidc-provider'
import type { Claims } from '../features/accounts/claims.ts'
import type { KnownDetailType } from '../features/clients/authorization-details.ts'
import type { Translator } from '../platform/i18n.ts'
import type { ConsentApi, ConsentItem, ConsentPage } from '../web/views.ts'
import { claimsOfScopes } from './claims.ts'
import { appOf } from './interactions-running.ts'
import { detailsIn } from './rich-requests.ts'

type Requested = {
  scopes: string[]
  claims: string[]
  /** API identifier → scopes. */
  resources: Record<string, string[]>
}

type ResourceInfo = { name: string; scopes: ReadonlySet<string> }
export type FindResource = (identifier: string, client: Client) => Promise<ResourceInfo | undefined>

const titled = [
  'name',
  'preferred_username',
  'email',
  'phone_number',
  'address',
  'teams',
  'roles',
  'picture',
  'birthdate',
  'gender',
  'locale',
  'zoneinfo',
  'website',
] as const

function titleOf(claim: string, { t }: Translator): string {
  const known = titled.find((name) => name === claim)
  return known ? t(`consent.claim.${known}`) : t('consent.claim.other', { claim: claim.replaceAll('_', ' ') })
}

// Of a scope with many claims these are shown; the others are summed up in one line.
const shownOfProfile = [
  'name',
  'preferred_username',
  'picture',
  'birthdate',
  'gender',
  'locale',
  'zoneinfo',
  'website',
]

/** Reads what an interaction's request asks for. */
export function requestedBy(
  params: Record<string, unknown>,
): Omit<Requested, 'resources'> & { resource: string[] } {
  const scopes = typeof params.scope === 'string' ? params.scope.split(' ').filter(Boolean) : []
  const resource = [params.resource ?? []].flat().filter((value) => typeof value === 'string')
  const claims = new Set<string>()
  if (typeof params.claims === 'string') {
    const { userinfo, id_token } = JSON.parse(params.claims) as Record<string, object | undefined>
    for (const name of [...Object.keys(userinfo ?? {}), ...Object.keys(id_token ?? {})]) claims.add(name)
  }
  return { scopes, claims: [...claims], resource }
}

function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null || value === '') return undefined
  if (Array.isArray(value)) {
    const names = value.map((entry) =>
      typeof entry === 'object' && entry ? String((entry as { name?: string }).name) : String(entry),
    )
    return names.length > 0 ? names.join(', ') : undefined
  }
  if (typeof value === 'object') {
    const { formatted, ...parts } = value as Record<string, string>
    return formatted?.replaceAll('\n', ', ') ?? Object.values(parts).join(', ')
  }
  return String(value)
}

function itemsOf(
  { scopes, claims }: { scopes: string[]; claims: string[] },
  values: Claims,
  translator: Translator,
): ConsentItem[] {
  const shown = new Set(claims)
  if (scopes.includes('profile')) for (const claim of shownOfProfile) shown.add(claim)
  for (const scope of ['email', 'phone', 'address', 'teams', 'roles'] as const) {
    if (scopes.includes(scope)) shown.add(claimsOfScopes[scope][0] ?? scope)
  }
  const items = [...shown].flatMap((claim): ConsentItem[] => {
    const value = textOf(values[claim])
    return value === undefined ? [] : [{ title: titleOf(claim, translator), value }]
  })
  if (scopes.includes('openid')) items.unshift({ title: translator.t('consent.know_you') })
  if (scopes.includes('offline_access')) items.push({ title: translator.t('consent.offline_access') })
  return items
}

async function apisOf(
  requested: { scopes: string[]; resource: string[] },
  client: Client,
  find: FindResource,
) {
  const apis: ConsentApi[] = []
  for (const identifier of requested.resource) {
    const info = await find(identifier, client)
    const scopes = requested.scopes.filter((scope) => info?.scopes.has(scope))
    if (info && scopes.length > 0) {
      apis.push({
        name: info.name,
        scopes: scopes.map((name) => ({ name, description: name.replace(':', ': ') })),
      })
    }
  }
  return apis
}

/** RFC 9396 §12: everything that a detail says is shown, below the API that it is for. */
function detailsShown(params: Record<string, unknown>, known: readonly KnownDetailType[]): ConsentApi[] {
  return detailsIn(params).flatMap(({ type, ...members }) => {
    const of = known.find((each) => each.type === type)
    if (!of) return []
    const said = Object.entries(members).map(
      ([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`,
    )
    return [{ name: of.apiName, scopes: [{ name: type, description: [of.title, ...said].join(' · ') }] }]
  })
}

/** Where the person goes afterwards, as a host they can check; a native app has only its scheme. */
export function hostOf(redirectUri: unknown): string {
  const url = typeof redirectUri === 'string' ? URL.parse(redirectUri) : null
  return url?.host || url?.protocol || ''
}

type ConsentAsked = {
  action: string
  interaction: Pick<Interaction, 'params'>
  client: Client
  translator: Translator
}

export async function consentPage(
  { action, interaction, client, translator }: ConsentAsked,
  person: Claims,
  {
    findResource,
    detailTypes,
  }: { findResource: FindResource; detailTypes: () => readonly KnownDetailType[] },
): Promise<ConsentPage> {
  const requested = requestedBy(interaction.params)
  const apis = [
    ...(await apisOf(requested, client, findResource)),
    ...detailsShown(interaction.params, detailTypes()),
  ]
  return {
    action,
    app: appOf(client),
    redirectHost: hostOf(interaction.params.redirect_uri),
    account: {
      email: String(person.email),
      ...(typeof person.name === 'string' && { name: person.name }),
    },
    items: itemsOf(requested, person, translator),
    ...(apis.length > 0 && { apis }),
    ...(client.self_registered === true && { unverified: true }),
    ...(client.from_document === true && { documentHost: hostOf(client.clientId) }),
  }
}

type GrantAsked = {
  interaction: Pick<Interaction, 'params' | 'grantId'>
  client: Client
  accountId: string
}

/** The grant of everything the page showed: the one the session had, widened, or a new one. */
export async function grantAll(
  provider: Provider,
  { interaction, client, accountId }: GrantAsked,
  findResource: FindResource,
): Promise<string> {
  const existing: Grant | undefined = interaction.grantId
    ? await provider.Grant.find(interaction.grantId)
    : undefined
  const grant =
    existing?.accountId === accountId && existing.clientId === client.clientId
      ? existing
      : new provider.Grant({ accountId, clientId: client.clientId })

  const requested = requestedBy(interaction.params)
  if (requested.scopes.length > 0) grant.addOIDCScope(requested.scopes.join(' '))
  if (requested.claims.length > 0) grant.addOIDCClaims(requested.claims)
  for (const identifier of requested.resource) {
    const info = await findResource(identifier, client)
    const scopes = requested.scopes.filter((scope) => info?.scopes.has(scope))
    if (scopes.length > 0) grant.addResourceScope(identifier, scopes.join(' '))
  }
  return grant.save()
}

/** How oidc-provider names the person's answers to the client. */
export const denied = { error: 'access_denied', error_description: 'the person refused' } as const
