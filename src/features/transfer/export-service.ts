// Owns the export: everybody written out as the lines that an import takes, a page at a time, in an order that depends
// on nothing but their ids. People on their way out stay behind.
import type { Actor } from '../../kernel/events.ts'
import type { Clock } from '../../kernel/time.ts'
import type { AccountBulkStore, StoredAccount } from '../accounts/bulk-store.ts'
import type { Audit } from '../audit/service.ts'
import type { ClientBulkStore, StoredClient } from '../clients/bulk-store.ts'
import { firstPartyClient } from '../clients/first-party.ts'
import { needsSecret } from '../clients/security-schema.ts'
import type { StoredMember, TeamBulkStore } from '../teams/bulk-store.ts'
import type { Team } from '../teams/schema.ts'
import { pagesOf } from './walk.ts'

export type ExportDeps = {
  accounts: Pick<AccountBulkStore, 'listAfter'>
  teams: Pick<TeamBulkStore, 'listAfter' | 'listMembersAfter'>
  clients: Pick<ClientBulkStore, 'listAfter'>
  audit: Pick<Audit, 'recordAlone'>
  clock: Clock
}

/** Without secrets nobody who reads the lines can try a password against them or pass for a client. */
export type ExportOptions = { secrets: boolean }

export type Export = ReturnType<typeof createExport>

/** Before every UUID. */
const first = '00000000-0000-0000-0000-000000000000'
const idOf = ({ id }: { id: string }): string => id

export function createExport({ accounts, teams, clients, audit, clock }: ExportDeps) {
  /** Many lines at a time, each ended. */
  async function* run(actor: Actor, { secrets }: ExportOptions): AsyncGenerator<string> {
    await audit.recordAlone({ type: 'instance.exported', actor, details: { secrets } })
    for await (const page of pagesOf({ start: first, list: accounts.listAfter, placeOf: idOf })) {
      yield linesOf(page.map((account) => userRecord(account, secrets)))
    }
    for await (const page of pagesOf({ start: first, list: teams.listAfter, placeOf: idOf })) {
      yield linesOf(page.map(teamRecord))
    }
    const start = { teamId: first, accountId: first }
    for await (const page of pagesOf({ start, list: teams.listMembersAfter, placeOf: (member) => member })) {
      yield linesOf(page.map(memberRecord))
    }
    const now = clock.now()
    const list = (after: string, take: number) => clients.listAfter(after, { take, now })
    for await (const page of pagesOf({ start: '', list, placeOf: idOf })) {
      yield linesOf(
        page.filter(({ id }) => id !== firstPartyClient).map((client) => clientRecord(client, secrets)),
      )
    }
  }

  return { run }
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

const teamRecord = ({ id, slug, name, description, createdAt }: Team): object => ({
  type: 'team',
  id,
  slug,
  name,
  ...(description !== null && { description }),
  created_at: createdAt,
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
