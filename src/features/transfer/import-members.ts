// Owns how people come into teams from a file. Who is meant is found by address, user name or id.
import type { Actor } from '../../kernel/events.ts'
import { isId } from '../../kernel/secrets.ts'
import type { Clock } from '../../kernel/time.ts'
import type { Tx } from '../../platform/postgres.ts'
import type { AccountBulkStore, AccountName } from '../accounts/bulk-store.ts'
import { identifierOf } from '../accounts/service.ts'
import type { Audit } from '../audit/service.ts'
import type { TeamBulkStore } from '../teams/bulk-store.ts'
import type { NewMember } from '../teams/member-store.ts'
import { isTeamRole } from '../teams/policy.ts'
import { type Outcome, type Plan, refused, rowsOf, unchanged } from './outcome.ts'
import type { MemberRecord } from './schema.ts'

export type MemberImportDeps = {
  store: Pick<TeamBulkStore, 'findAny' | 'lockAll' | 'findMembers' | 'findOwnRoles' | 'insertMembers'>
  accounts: Pick<AccountBulkStore, 'holdAny'>
  audit: Pick<Audit, 'recordAll'>
  clock: Clock
}

/** Who is to join which team; without an id there is no such team. */
export type Joining = {
  teamId: string | undefined
  user: string
  role: string
  joined_at?: Date | undefined
}

export type MemberImport = ReturnType<typeof createMemberImport>

export function createMemberImport({ store, accounts, audit, clock }: MemberImportDeps) {
  async function take(tx: Tx, actor: Actor, records: readonly MemberRecord[]): Promise<Outcome[]> {
    const teams = await store.findAny(tx, { ids: [], slugs: records.map(({ team }) => team) })
    const idOf = new Map(teams.map(({ id, slug }) => [slug, id]))
    await store.lockAll(
      tx,
      teams.map(({ id }) => id),
    )
    const joinings = records.map(({ team, ...member }) => ({ ...member, teamId: idOf.get(team) }))
    const plans = await plan(tx, joinings)
    await join(tx, actor, rowsOf(plans))
    return plans.map((each) => ('row' in each ? 'created' : each.outcome))
  }

  /** What each of them comes to, on rows that stay as they are until the transaction ends. */
  async function plan(tx: Tx, joinings: readonly Joining[]): Promise<Plan<NewMember>[]> {
    const find = await finderOf(tx, joinings)
    const found = joinings.map(({ user }) => find(user))
    const known = joinings.flatMap(({ teamId }, index) => {
      const accountId = found[index]
      return teamId !== undefined && accountId !== undefined ? [{ teamId, accountId }] : []
    })
    const teamIds = [...new Set(known.map(({ teamId }) => teamId))]
    const ownRoles = await store.findOwnRoles(tx, teamIds)
    const members = await store.findMembers(tx, {
      teamIds: known.map(({ teamId }) => teamId),
      accountIds: known.map(({ accountId }) => accountId),
    })
    const roleOf = new Map(members.map((member) => [keyOf(member), member.role]))
    const now = clock.now()
    return joinings.map(({ teamId, role, joined_at: joinedAt = now }, index) => {
      const accountId = found[index]
      if (teamId === undefined) return refused('/team: there is no such team')
      if (accountId === undefined) return refused('/user: there is no such account')
      if (!isTeamRole(role) && !ownRoles.has(`${teamId} ${role}`))
        return refused('/role: there is no such role')
      const member = { teamId, accountId, role, joinedAt }
      const before = roleOf.get(keyOf(member))
      if (before !== undefined && before !== role) return refused(`/role: is ${before} in this team already`)
      if (before !== undefined) return unchanged
      roleOf.set(keyOf(member), role)
      return { row: member }
    })
  }

  async function join(tx: Tx, actor: Actor, members: readonly NewMember[]): Promise<void> {
    if (members.length === 0) return
    await store.insertMembers(tx, members)
    await audit.recordAll(
      tx,
      members.map(({ teamId, accountId, role }) => ({
        type: 'team.member_added',
        actor,
        accountId,
        details: { team: teamId, role },
      })),
    )
  }

  async function finderOf(
    tx: Tx,
    joinings: readonly Joining[],
  ): Promise<(user: string) => string | undefined> {
    const names = joinings.map(({ user }) => identifierOf(user))
    const there = await accounts.holdAny(tx, {
      ids: joinings.flatMap(({ user }) => (isId(user) ? [user] : [])),
      emails: names.flatMap(({ emailCanonical }) => emailCanonical ?? []),
      usernames: names.flatMap(({ username }) => username ?? []),
    })
    const byName = new Map(there.flatMap(namesOf))
    return (user) => {
      const { emailCanonical, username } = identifierOf(user)
      return byName.get(user) ?? byName.get(emailCanonical ?? username ?? '')
    }
  }

  return { take, plan, join }
}

/** No two of them look alike: only an address has an @, and no user name has the length of an id. */
const namesOf = ({ id, emailCanonical, username }: AccountName): [name: string, id: string][] => [
  [id, id],
  [emailCanonical, id],
  ...(username === null ? [] : [[username, id] satisfies [string, string]]),
]

const keyOf = ({ teamId, accountId }: Pick<NewMember, 'teamId' | 'accountId'>): string =>
  `${teamId} ${accountId}`
