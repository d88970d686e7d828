// Owns the demo: three people, a team, six clients and an API, the same in every development instance.
// Their passwords are known to everybody, so it runs in development mode on loopback only (see app.ts).
import type { Account, CreateAccount } from '../src/features/accounts/schema.ts'
import type { Accounts } from '../src/features/accounts/service.ts'
import { managementApi, managementScopes } from '../src/features/clients/first-party.ts'
import { ClientMetadata } from '../src/features/clients/schema.ts'
import type { Clients } from '../src/features/clients/service.ts'
import type { Members } from '../src/features/teams/members-service.ts'
import type { TeamRole } from '../src/features/teams/policy.ts'
import type { Teams } from '../src/features/teams/service.ts'
import type { Actor } from '../src/kernel/events.ts'

export type SeedDeps = {
  accounts: Pick<Accounts, 'findByIdentifier' | 'create'>
  clients: Pick<Clients, 'find' | 'createKnown' | 'update' | 'saveApi' | 'allowApi'>
  teams: Pick<Teams, 'findBySlug' | 'create' | 'membershipsOf'>
  members: Pick<Members, 'add'>
  issuer: string
  /** Where the playground is, when it is there: its own redirect URIs are added to those everybody knows. */
  playgroundOrigin: string | undefined
}

export type DemoPerson = CreateAccount & { password: string }

/** Whom the sign-in page offers a button for. */
export const demoPeople: readonly DemoPerson[] = [
  {
    email: 'ada@example.test',
    username: 'ada',
    password: 'analytical-engine-1843',
    emailVerified: true,
    profile: {
      name: 'Ada King Lovelace',
      given_name: 'Ada',
      family_name: 'Lovelace',
      middle_name: 'King',
      nickname: 'Ada',
      profile: 'https://example.test/people/ada',
      picture: 'https://example.test/people/ada.png',
      website: 'https://ada.example.test/',
      gender: 'female',
      birthdate: '1815-12-10',
      zoneinfo: 'Europe/London',
      locale: 'en-GB',
      phone_number: '+44 20 7946 0958',
      phone_number_verified: true,
      address: {
        formatted: '12 St James’s Square\nLondon\nGreater London\nSW1Y 4JH\nUnited Kingdom',
        street_address: '12 St James’s Square',
        locality: 'London',
        region: 'Greater London',
        postal_code: 'SW1Y 4JH',
        country: 'United Kingdom',
      },
    },
  },
  {
    email: 'grace@example.test',
    password: 'nanoseconds-per-foot-11',
    emailVerified: true,
    profile: { name: 'Grace Hopper', given_name: 'Grace', family_name: 'Hopper' },
  },
  {
    email: 'admin@example.test',
    password: 'difference-engine-1822',
    emailVerified: true,
    roles: ['admin'],
    profile: { name: 'Charles Babbage', given_name: 'Charles', family_name: 'Babbage' },
  },
]

export const questsApi = 'urn:demo:quests'
const questsScopes = ['quests:read', 'quests:write']

type DemoClient = { id: string; secret?: string; metadata: Record<string, unknown> }

/** What documentation and test benches count on, wherever the playground happens to be. */
const wellKnownOrigin = 'http://localhost:3001'
const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'
const codeAndRefresh = ['authorization_code', 'refresh_token']

export function demoClients(issuer: string, playgroundOrigin: string | undefined): DemoClient[] {
  const origins = [...new Set([wellKnownOrigin, playgroundOrigin ?? wellKnownOrigin])]
  return [...appsOf(origins), ...appsWithoutAddress(issuer)]
}

/** Apps that a browser returns to, so they have an address in the playground. */
function appsOf(origins: string[]): DemoClient[] {
  const at = (path: string) => origins.map((origin) => `${origin}${path}`)
  // Where a sign-in that cannot go on leads back to: the playground as it is now.
  const home = origins.at(-1) ?? wellKnownOrigin
  return [
    {
      id: 'demo-web',
      secret: 'demo-web-secret',
      metadata: {
        client_name: 'Demo web app',
        client_uri: `${home}/`,
        grant_types: codeAndRefresh,
        redirect_uris: at('/callback'),
        post_logout_redirect_uris: at('/'),
        first_party: true,
      },
    },
    {
      id: 'demo-spa',
      metadata: {
        client_name: 'Demo single-page app',
        client_uri: `${home}/spa/`,
        token_endpoint_auth_method: 'none',
        grant_types: codeAndRefresh,
        redirect_uris: at('/spa/callback'),
        post_logout_redirect_uris: at('/'),
        allowed_cors_origins: origins,
        first_party: true,
      },
    },
    {
      id: 'demo-third-party',
      secret: 'demo-third-party-secret',
      metadata: {
        client_name: 'Demo third-party app',
        client_uri: `${home}/`,
        grant_types: codeAndRefresh,
        redirect_uris: at('/third-party/callback'),
        post_logout_redirect_uris: at('/'),
        first_party: false,
      },
    },
  ]
}

function appsWithoutAddress(issuer: string): DemoClient[] {
  return [
    {
      id: 'demo-native',
      metadata: {
        client_name: 'Demo native app',
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        grant_types: codeAndRefresh,
        redirect_uris: ['http://127.0.0.1/callback'],
        first_party: true,
      },
    },
    {
      id: 'demo-machine',
      secret: 'demo-machine-secret',
      metadata: {
        client_name: 'Demo machine',
        grant_types: ['client_credentials'],
        default_resource: managementApi(issuer),
      },
    },
    {
      id: 'demo-device',
      metadata: {
        client_name: 'Demo device',
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        grant_types: [deviceGrant, 'refresh_token'],
      },
    },
  ]
}

const actor: Actor = { kind: 'system' }

/** Makes what is missing of the demo; what somebody has changed of people stays as it is. */
export async function seedDemo(deps: SeedDeps): Promise<void> {
  const [ada, grace] = await seedPeople(deps)
  await seedTeam(deps, { owner: ada, member: grace })
  await seedClients(deps)
  await seedApis(deps)
}

async function seedPeople({ accounts }: SeedDeps): Promise<Account[]> {
  const people: Account[] = []
  for (const person of demoPeople) {
    const there = await accounts.findByIdentifier(person.email)
    people.push(there ?? (await accounts.create(actor, person)))
  }
  return people
}

async function seedTeam(
  { teams, members }: SeedDeps,
  people: Partial<Record<TeamRole, Account>>,
): Promise<void> {
  const team = (await teams.findBySlug('acme')) ?? (await teams.create(actor, { slug: 'acme', name: 'Acme' }))
  for (const role of ['owner', 'member'] as const) {
    const person = people[role]
    if (person?.status !== 'active') continue
    const joined = await teams.membershipsOf(person.id)
    if (joined.some(({ id }) => id === team.id)) continue
    await members.add(actor, { teamId: team.id, accountId: person.id, role })
  }
}

/** Clients follow this file: the playground may have moved, and a new version may need another setting. */
async function seedClients({ clients, issuer, playgroundOrigin }: SeedDeps): Promise<void> {
  for (const { id, secret, metadata } of demoClients(issuer, playgroundOrigin)) {
    const wanted = ClientMetadata.parse(metadata)
    const there = await clients.find(id)
    if (!there) await clients.createKnown(actor, { id, secret, metadata: wanted })
    else if (!isSame(there.metadata, wanted)) await clients.update(actor, id, { metadata: wanted })
  }
}

// Compared without regard to the order of members, which jsonb does not keep.
function isSame(left: ClientMetadata, right: ClientMetadata): boolean {
  const sorted = (value: object) => JSON.stringify(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
  return sorted(left) === sorted(right)
}

async function seedApis({ clients, issuer }: SeedDeps): Promise<void> {
  const management = managementApi(issuer)
  await clients.saveApi({
    identifier: management,
    name: 'Foyer management',
    scopes: managementScopes,
    openToAll: false,
  })
  await clients.saveApi({
    identifier: questsApi,
    name: 'Quests',
    scopes: questsScopes,
    openToAll: true,
  })
  const serves = true
  await clients.allowApi('demo-machine', { identifier: management, scopes: managementScopes, serves })
  await clients.allowApi('demo-machine', { identifier: questsApi, scopes: ['quests:read'], serves })
}
