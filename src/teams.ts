// The composition root of teams: who is in them, what they may, and how they come in. No logic here.
import type { Config } from './config/schema.ts'
import type { AccountStore } from './features/accounts/store.ts'
import type { Audit } from './features/audit/service.ts'
import type { Outbox } from './features/outbox/service.ts'
import { createAccess } from './features/teams/access.ts'
import { createAssignments } from './features/teams/assignments-service.ts'
import { createInvitationStore } from './features/teams/invitation-store.ts'
import { createInvitations } from './features/teams/invitations-service.ts'
import { createJoinCodeStore } from './features/teams/join-code-store.ts'
import { createJoinCodes } from './features/teams/join-codes-service.ts'
import { createLookStore } from './features/teams/look-store.ts'
import { createMemberStore } from './features/teams/member-store.ts'
import { createMembers } from './features/teams/members-service.ts'
import { createOwnership } from './features/teams/ownership-service.ts'
import { createRoleStore } from './features/teams/role-store.ts'
import { createRoles } from './features/teams/roles-service.ts'
import { createRooms } from './features/teams/rooms-service.ts'
import { createTeams } from './features/teams/service.ts'
import { createSponsors } from './features/teams/sponsors.ts'
import { createTeamStore } from './features/teams/store.ts'
import type { Clock } from './kernel/time.ts'
import { createLimiter } from './platform/limiter.ts'
import type { Db } from './platform/postgres.ts'
import type { Sealer } from './platform/sealer.ts'

export type TeamsDeps = {
  config: Config
  db: Db
  clock: Clock
  sealer: Sealer
  audit: Audit
  outbox: Pick<Outbox, 'enqueue'>
  accountStore: Pick<AccountStore, 'lockAdministrators'>
}

export function createTeamFeatures({ config, db, clock, sealer, audit, outbox, accountStore }: TeamsDeps) {
  const store = createTeamStore(db)
  const memberStore = createMemberStore(db)
  const roleStore = createRoleStore(db)
  const access = createAccess({ teamStore: store, lookStore: createLookStore(db), roleStore })
  const shared = { db, clock, audit, access }
  const teams = createTeams({ ...shared, store, memberStore })
  const members = createMembers({ ...shared, store: memberStore })
  const roles = createRoles({ ...shared, store: roleStore })
  const rooms = createRooms({ teamStore: store, memberStore, roleStore, access })
  const { lockAdministrators } = accountStore
  const assignments = createAssignments({ ...shared, store: roleStore, lockAdministrators })
  const ownership = createOwnership({ teamStore: store, memberStore, audit })
  const joining = {
    ...shared,
    teamStore: store,
    memberStore,
    sponsors: createSponsors({ access }),
    limiter: createLimiter({ db }),
  }
  const joinCodes = createJoinCodes({ ...joining, store: createJoinCodeStore(db), sealer })
  const invitations = createInvitations({
    ...joining,
    store: createInvitationStore(db),
    sendMail: outbox.enqueue,
    issuer: config.issuer,
  })
  return { teams, members, roles, rooms, assignments, ownership, invitations, joinCodes }
}
