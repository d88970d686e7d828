// Owns who belongs to a team and in which role. Every change waits for its turn on the team's row, asks the policy
// about what it finds there, and is taken back when no owner would remain.
import { conflict, forbidden, notFound } from '../../kernel/errors.ts'
import type { Actor } from '../../kernel/events.ts'
import { type Page, pageOf, readPage } from '../../kernel/pages.ts'
import { isId } from '../../kernel/secrets.ts'
import type { Clock } from '../../kernel/time.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { Audit } from '../audit/service.ts'
import { type Access, accountOf, assertMay, enteredBy, requireTeamId } from './access.ts'
import type { MemberStore } from './member-store.ts'
import { type Role, teamRole } from './policy.ts'
import type { ListMembers, Member, OfMember, OfTeam, WithRole } from './schema.ts'

export type MembersDeps = {
  db: Pick<Db, 'inTransaction'>
  store: MemberStore
  access: Access
  clock: Clock
  audit: Pick<Audit, 'record'>
}

export type Members = ReturnType<typeof createMembers>

export function createMembers({ db, store, access, clock, audit }: MembersDeps) {
  async function list(actor: Actor, { teamId, ...options }: ListMembers): Promise<Page<Member>> {
    const page = readPage(options)
    const key = { teamId: requireTeamId(teamId), accountId: accountOf(actor) }
    const { rows, ...looked } = await store.list({ ...key, ...page })
    assertMay(enteredBy(actor, looked).standing, 'members.list')
    return pageOf(rows, page, (member) => member.accountId)
  }

  async function add(actor: Actor, { teamId, accountId, role }: WithRole): Promise<void> {
    await db.inTransaction(async (tx) => {
      const { standing } = await access.enter(tx, actor, teamId)
      assertMay(standing, 'members.add')
      assertMay(standing, 'members.add', { grants: await access.requireRole(teamId, role, tx) })
      // Disabled people are as unknown as those who never were
      if (!isId(accountId) || !(await store.holdActive(tx, accountId))) throw notFound('account_not_found')
      if (await store.findRole(tx, { teamId, accountId })) throw conflict('already_member')
      await store.insert(tx, { teamId, accountId, role, joinedAt: clock.now() })
      const details = { team: teamId, role }
      await audit.record(tx, { type: 'team.member_added', actor, accountId, details })
    })
  }

  /** The role of a member, by its name and by what it is worth. */
  async function memberRole(tx: Tx, { teamId, accountId }: OfMember): Promise<{ name: string; role: Role }> {
    const name = isId(accountId) ? await store.findRole(tx, { teamId, accountId }) : undefined
    if (name === undefined) throw notFound('member_not_found')
    // A name that means nothing any more is worth what a member is
    return { name, role: (await access.findRole(teamId, name, tx)) ?? teamRole('member') }
  }

  /** Asked after the change and on the locked row. A team that never had an owner has none to lose. */
  async function assertOwned(tx: Tx, { teamId, before }: OfTeam & { before: string }): Promise<void> {
    if (before === 'owner' && !(await store.hasActiveOwner(tx, teamId))) throw conflict('last_owner')
  }

  async function remove(actor: Actor, { teamId, accountId }: OfMember): Promise<void> {
    await db.inTransaction(async (tx) => {
      const { standing } = await access.enter(tx, actor, teamId)
      assertMay(standing, 'members.remove')
      const { name, role } = await memberRole(tx, { teamId, accountId })
      assertMay(standing, 'members.remove', { target: role })
      await store.remove(tx, { teamId, accountId })
      await assertOwned(tx, { teamId, before: name })
      const details = { team: teamId, role: name }
      await audit.record(tx, { type: 'team.member_removed', actor, accountId, details })
    })
  }

  /** Nobody is kept: it takes no permission, only that somebody remains who looks after the team. */
  async function leave(actor: Actor, { teamId }: OfTeam): Promise<void> {
    if (actor.kind !== 'account') throw forbidden()
    const accountId = actor.id
    await db.inTransaction(async (tx) => {
      await access.enter(tx, actor, teamId)
      const { name } = await memberRole(tx, { teamId, accountId })
      await store.remove(tx, { teamId, accountId })
      await assertOwned(tx, { teamId, before: name })
      const details = { team: teamId, role: name }
      await audit.record(tx, { type: 'team.member_left', actor, accountId, details })
    })
  }

  async function changeRole(actor: Actor, { teamId, accountId, role }: WithRole): Promise<void> {
    await db.inTransaction(async (tx) => {
      const { standing } = await access.enter(tx, actor, teamId)
      assertMay(standing, 'members.change_role')
      const before = await memberRole(tx, { teamId, accountId })
      const grants = await access.requireRole(teamId, role, tx)
      assertMay(standing, 'members.change_role', { target: before.role, grants })
      if (before.name === role) return
      if (role === 'owner' && !(await store.holdActive(tx, accountId))) throw notFound('account_not_found')
      await store.setRole(tx, { teamId, accountId }, role)
      await assertOwned(tx, { teamId, before: before.name })
      const details = { team: teamId, from: before.name, role }
      await audit.record(tx, { type: 'team.member_role_changed', actor, accountId, details })
    })
  }

  /**
   * Whoever hands it over stays as an admin. Where somebody above the team does it, that is every owner there was:
   * afterwards the team is in one hand.
   */
  async function transfer(actor: Actor, { teamId, accountId }: OfMember): Promise<void> {
    await db.inTransaction(async (tx) => {
      const { standing } = await access.enter(tx, actor, teamId)
      assertMay(standing, 'team.transfer')
      const target = await memberRole(tx, { teamId, accountId })
      assertMay(standing, 'team.transfer', { target: target.role, grants: teamRole('owner') })
      if (!(await store.holdActive(tx, accountId))) throw notFound('account_not_found')
      await store.setRole(tx, { teamId, accountId }, 'owner')
      const from = await stepDown(tx, actor, { teamId, accountId })
      const details = { team: teamId, from }
      await audit.record(tx, { type: 'team.ownership_transferred', actor, accountId, details })
    })
  }

  async function stepDown(tx: Tx, actor: Actor, { teamId, accountId }: OfMember): Promise<string[]> {
    const own =
      actor.kind === 'account' ? await store.findRole(tx, { teamId, accountId: actor.id }) : undefined
    if (actor.kind !== 'account' || own !== 'owner') {
      return store.demoteOwners(tx, { teamId, except: accountId })
    }
    if (actor.id === accountId) return []
    await store.setRole(tx, { teamId, accountId: actor.id }, 'admin')
    return [actor.id]
  }

  return { list, add, remove, leave, changeRole, transfer }
}
