// Owns what a person gets who asks for everything that is held about them, as one document. Secrets and the hashes of
// secrets stay out: they tell nothing about the person.
import type { Clock } from '../../kernel/time.ts'
import type { Audit } from '../audit/service.ts'
import type { Sessions } from '../sessions/service.ts'
import type { Account } from './schema.ts'
import type { Accounts } from './service.ts'

export type ExportDeps = {
  accounts: Pick<Accounts, 'get'>
  sessions: Pick<Sessions, 'listFor' | 'listApps'>
  membershipsOf: (accountId: string) => Promise<{ id: string; slug: string; name: string; role: string }[]>
  audit: Pick<Audit, 'listFor'>
  clock: Clock
}

export type Export = ReturnType<typeof createExport>

function aboutOf(account: Account) {
  return {
    id: account.id,
    email: account.email,
    email_verified_at: account.emailVerifiedAt,
    username: account.username,
    has_password: account.hasPassword,
    profile: account.profile,
    roles: account.roles,
    status: account.status,
    language: account.locale,
    created_at: account.createdAt,
    updated_at: account.updatedAt,
    last_seen_at: account.lastSeenAt,
  }
}

export function createExport({ accounts, sessions, membershipsOf, audit, clock }: ExportDeps) {
  async function exportOf(accountId: string) {
    const [account, devices, apps, teams, activity] = await Promise.all([
      accounts.get(accountId),
      sessions.listFor(accountId),
      sessions.listApps(accountId),
      membershipsOf(accountId),
      audit.listFor(accountId),
    ])
    return {
      exported_at: clock.now(),
      account: aboutOf(account),
      teams,
      sessions: devices.map(({ current: _, browser: __, system: ___, ...device }) => device),
      apps,
      activity: activity.map(({ at, type, clientId, address, details }) => ({
        at,
        type,
        client_id: clientId,
        address,
        details,
      })),
    }
  }

  return { exportOf }
}
