// Owns the export: everybody written out as the lines that an import takes, a page at a time, in an order that depends
// on nothing but their ids. People on their way out stay behind.
import type { Actor } from '../../kernel/events.ts'
import type { Clock } from '../../kernel/time.ts'
import type { AccountBulkStore, StoredAccount } from '../accounts/bulk-store.ts'
import type { Audit } from '../audit/service.ts'
import type { ApiBulkStore, ApiClientRow } from '../clients/api-bulk-store.ts'
import type { ManagedApi } from '../clients/apis-store.ts'
import type { ClientBulkStore, StoredClient } from '../clients/bulk-store.ts'
import { firstPartyClient } from '../clients/first-party.ts'
import { needsSecret } from '../clients/security-schema.ts'
import type { StoredMember, TeamBulkStore } from '../teams/bulk-store.ts'
import type { ExportedRole, RoleBulkStore } from '../teams/role-bulk-store.ts'
import type { Team } from '../teams/schema.ts'
import { pagesOf } from './walk.ts'

export type ExportDeps = {
  accounts: Pick<AccountBulkStore, 'listAfter'>
  teams: Pick<TeamBulkStore, 'listAfter' | 'listMembersAfter'>
  roles: Pick<RoleBulkStore, 'listAfter'>
  apis: Pick<ApiBulkStore, 'listAfter' | 'listClientsAfter'>
  clients: Pick<ClientBulkStore, 'listAfter'>
  audit: Pick<Audit, 'recordAlone'>
  clock: Clock
}

/** Without secrets nobody who reads the lines can try a password against them or pass for a client. */
export type ExportOptions = { secrets: boolean }

type Stores = Omit<ExportDeps, 'audit'>

export type Export = ReturnType<typeof createExport>

/** Before every UUID. */
const first = '00000000-0000-0000-0000-000000000000'
const idOf = ({ id }: { id: string }): string => id

export function createExport({ audit, ...stores }: ExportDeps) {
  /** Many lines at a time, each ended. What a line names stands before it. */
  async function* run(actor: Actor, { secrets }: ExportOptions): AsyncGenerator<string> {
    await audit.recordAlone({ type: 'instance.exported', actor, details: { secrets } })
    yield* peopleOf(stores, secrets)
    yield* appsOf(stores, secrets)
  }

  return { run }
}

async function* peopleOf({ accounts, teams, roles }: Stores, secrets: boolean): AsyncGenerator<string> {
  for await (const page of pagesOf({ start: first, list: accounts.listAfter, placeOf: idOf })) {
    yield linesOf(page.map((account) => userRecord(account, secrets)))
  }
  for await (const page of pagesOf({ start: first, list: teams.listAfter, placeOf: idOf })) {
    yield linesOf(page.map(teamRecord))
  }
  const firstRole = { home: '', name: '' }
  for await (const page of pagesOf({ start: firstRole, list: roles.listAfter, placeOf: (role) => role })) {
    yield linesOf(page.map(roleRecord))
  }
  const start = { teamId: first, accountId: first }
  for await (const page of pagesOf({ start, list: teams.listMembersAfter, placeOf: (member) => member })) {
    yield linesOf(page.map(memberRecord))
  }
}

/** What is Foyer's own is there wherever Foyer is. */
async function* appsOf({ apis, clients, clock }: Stores, secrets: boolean): AsyncGenerator<string> {
  const placeOf = ({ identifier }: ManagedApi): string => identifier
  for await (const page of pagesOf({ start: '', list: apis.listAfter, placeOf })) {
    yield linesOf(page.map(apiRecord))
  }
  const now = clock.now()
  const list = (after: string, take: number) => clients.listAfter(after, { take, now })
  for await (const page of pagesOf({ start: '', list, placeOf: idOf })) {
    yield linesOf(
      page.filter(({ id }) => id !== firstPartyClient).map((client) => clientRecord(client, secrets)),
    )
  }
  const start = { identifier: '', clientId: '' }
  for await (const page of pagesOf({ start, list: apis.listClientsAfter, placeOf: (entry) => entry })) {
    yield linesOf(page.filter(({ clientId }) => clientId !== firstPartyClient).map(apiClientRecord))
  }
}

const linesOf = (records: readonly object[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join('')

/** What has its default is left out, so that a line says no more than it must. */
function userRecord(account: StoredAccount, secrets: boolean): object {
  const { id, email, emailVerifiedAt, username, passwordHash, vouched, profile, roles, status } = account
  return {
    type: 'user',
    id,
    email,
    email_verified: emailVerifiedAt !== null,
    ...(username !== null && { username }),
    ...inOrder(profile),
    ...(secrets && passwordHash !== null && { password_hash: passwordHash }),
    ...(vouched && { vouched }),
    ...(status !== 'active' && { status }),
    ...(roles.length > 0 && { roles }),
    ...(account.system && { system: true }),
    ...(account.locale !== null && { language: account.locale }),
    created_at: account.createdAt,
    updated_at: account.updatedAt,
  }
}

const teamRecord = ({ id, slug, name, description, createdAt, updatedAt }: Team): object => ({
  type: 'team',
  id,
  slug,
  name,
  ...(description !== null && { description }),
  created_at: createdAt,
  updated_at: updatedAt,
})

const roleRecord = ({
  slug,
  name,
  description,
  permissions,
  createdAt,
  updatedAt,
}: ExportedRole): object => ({
  type: 'role',
  ...(slug !== null && { team: slug }),
  name,
  ...(description !== null && { description }),
  permissions,
  created_at: createdAt,
  updated_at: updatedAt,
})

const apiRecord = ({ identifier, name, scopes, createdAt, updatedAt, ...api }: ManagedApi): object => ({
  type: 'api',
  identifier,
  name,
  scopes,
  ...(api.openToAll && { open_to_all: true }),
  ...(api.wantsPermissions && { wants_permissions: true }),
  ...(api.detailTypes.length > 0 && { authorization_details_types: api.detailTypes }),
  created_at: createdAt,
  updated_at: updatedAt,
})

const apiClientRecord = ({ identifier, clientId, scopes, serves }: ApiClientRow): object => ({
  type: 'api_client',
  api: identifier,
  client: clientId,
  scopes,
  ...(serves && { serves }),
})

const memberRecord = ({ slug, accountId, role, joinedAt }: StoredMember): object => ({
  type: 'member',
  team: slug,
  user: accountId,
  role,
  joined_at: joinedAt,
})

function clientRecord(
  { id, metadata, enabled, secrets, ...client }: StoredClient,
  withSecrets: boolean,
): object {
  const hashes = secrets.map(({ hash, createdAt, expiresAt }) => ({
    sha256: hash.toString('hex'),
    created_at: createdAt,
    ...(expiresAt !== null && { expires_at: expiresAt }),
  }))
  return {
    type: 'client',
    client_id: id,
    ...inOrder(metadata),
    ...(withSecrets && needsSecret(metadata) && hashes.length > 0 && { client_secret_hashes: hashes }),
    ...(!enabled && { enabled }),
    created_at: client.createdAt,
    updated_at: client.updatedAt,
  }
}

/** By name: the database keeps no order of its own. */
const inOrder = (members: object): object =>
  Object.fromEntries(Object.entries(members).sort(([one], [other]) => (one < other ? -1 : 1)))
