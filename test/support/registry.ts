// Owns the people, teams and clients of the tests: the services over a database of their own, with a clock that
// the test sets. Passwords are hashed for real only where a test is about them.
import { createPasswordPolicy } from '../../src/features/accounts/password-policy.ts'
import { createAccounts } from '../../src/features/accounts/service.ts'
import { createAccountStore } from '../../src/features/accounts/store.ts'
import { createTickets } from '../../src/features/accounts/tickets.ts'
import { endAllOf, endAllOfClient } from '../../src/features/artifacts/store.ts'
import { createChainStore } from '../../src/features/audit/chain-store.ts'
import { createAudit } from '../../src/features/audit/service.ts'
import { createVerification } from '../../src/features/audit/verification-service.ts'
import { createClients } from '../../src/features/clients/service.ts'
import { createClientStore } from '../../src/features/clients/store.ts'
import { createAccess } from '../../src/features/teams/access.ts'
import { createAssignments } from '../../src/features/teams/assignments-service.ts'
import { createLookStore } from '../../src/features/teams/look-store.ts'
import { createMemberStore } from '../../src/features/teams/member-store.ts'
import { createMembers } from '../../src/features/teams/members-service.ts'
import { createRoleStore } from '../../src/features/teams/role-store.ts'
import { createRoles } from '../../src/features/teams/roles-service.ts'
import { createTeams } from '../../src/features/teams/service.ts'
import { createTeamStore } from '../../src/features/teams/store.ts'
import type { Actor } from '../../src/kernel/events.ts'
import { hashText } from '../../src/kernel/secrets.ts'
import { createClock } from '../../src/kernel/time.ts'
import { createTransfer } from '../../src/transfer.ts'
import { createTestDatabase } from './postgres.ts'

export const operator: Actor = { kind: 'operator' }

export async function createRegistry({ poolSize = 5 }: { poolSize?: number } = {}) {
  const clock = createClock()
  const statements: string[] = []
  const { db, drop, connection } = await createTestDatabase({
    clock,
    poolSize,
    onQuery: (statement) => statements.push(statement),
  })
  const audit = createAudit({ db, clock })
  const accountStore = createAccountStore(db)
  const passwords = { hash: async (password: string) => `hash of ${hashText(password)}` }
  const accounts = createAccounts({
    db,
    store: accountStore,
    passwords,
    policy: createPasswordPolicy({ minLength: 8 }),
    clock,
    audit,
    endAll: endAllOf,
  })
  const tickets = createTickets({ db, store: accountStore, accounts, clock, audit })
  const teamStore = createTeamStore(db)
  const memberStore = createMemberStore(db)
  const roleStore = createRoleStore(db)
  const access = createAccess({ teamStore, lookStore: createLookStore(db), roleStore })
  const teams = createTeams({ db, store: teamStore, memberStore, access, clock, audit })
  const roles = createRoles({ db, store: roleStore, access, clock, audit })
  const { lockAdministrators } = accountStore
  const assignments = createAssignments({ db, store: roleStore, access, lockAdministrators, clock, audit })
  const members = createMembers({ db, store: memberStore, access, clock, audit })
  const clientStore = createClientStore(db)
  const clients = createClients({
    db,
    store: clientStore,
    clock,
    audit,
    audienceProblems: async () => [],
    sectorProblems: async () => [],
    certificates: { isOffered: false, hasAuthorities: false },
    endAllOfClient,
  })

  const { imports, exports } = createTransfer({ db, clock, audit })

  /** What the audit log tells, oldest first. */
  async function auditTypes(): Promise<string[]> {
    const rows = await db.prisma.auditEvent.findMany({ orderBy: { id: 'asc' } })
    return rows.map((row) => row.type)
  }

  return {
    db,
    connection,
    drop,
    clock,
    statements,
    passwords,
    audit,
    auditChain: createVerification({ store: createChainStore(db), clock }),
    auditTypes,
    accounts,
    accountStore,
    tickets,
    teams,
    members,
    roles,
    assignments,
    clients,
    clientStore,
    imports,
    exports,
  }
}

export type Registry = Awaited<ReturnType<typeof createRegistry>>
