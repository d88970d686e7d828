// Owns who holds which role of the whole installation. Roles in a team are members-service.ts.
import { conflict, invalidInput, notFound } from '../../kernel/errors.ts'
import type { Actor } from '../../kernel/events.ts'
import { isId } from '../../kernel/secrets.ts'
import type { Clock } from '../../kernel/time.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { Audit } from '../audit/service.ts'
import { type Access, assertMay } from './access.ts'
import { instanceRole, isInstanceRole, type Role, standingOfPerson } from './policy.ts'
import type { Holder, RoleStore } from './role-store.ts'
import type { Assignment } from './schema.ts'

export type AssignmentsDeps = {
  db: Pick<Db, 'inTransaction'>
  store: Pick<RoleStore, 'hold' | 'lockHolder' | 'setRolesOf'>
  access: Pick<Access, 'standingOf'>
  /** Changes of who administers wait for each other. Gives whom there is. */
  lockAdministrators: (tx: Tx) => Promise<string[]>
  clock: Clock
  audit: Pick<Audit, 'record'>
}

export type Assignments = ReturnType<typeof createAssignments>

export function createAssignments({ db, store, access, lockAdministrators, clock, audit }: AssignmentsDeps) {
  async function requireRole(tx: Tx, name: string): Promise<Role> {
    if (isInstanceRole(name)) return instanceRole(name)
    const own = await store.hold(tx, null, name)
    if (own) return instanceRole(name, { [name]: own.permissions })
    const detail = 'Name a role that there is.'
    throw invalidInput([{ pointer: '/role', code: 'role_invalid', detail }])
  }

  async function lockHolder(tx: Tx, accountId: string): Promise<Holder> {
    const holder = isId(accountId) ? await store.lockHolder(tx, accountId) : undefined
    if (!holder) throw notFound('account_not_found')
    return holder
  }

  /** For whoever makes an account with roles: the same rule as for giving them later. */
  async function assertMayAssign(actor: Actor, roles: readonly string[]): Promise<void> {
    if (roles.length === 0) return
    await db.inTransaction(async (tx) => {
      const standing = await access.standingOf(actor, null, tx)
      for (const name of roles) {
        assertMay(standing, 'roles.assign', { grants: await requireRole(tx, name) })
      }
    })
  }

  async function assign(actor: Actor, { accountId, role: name }: Assignment): Promise<string[]> {
    return db.inTransaction(async (tx) => {
      const standing = await access.standingOf(actor, null, tx)
      assertMay(standing, 'roles.assign')
      const holder = await lockHolder(tx, accountId)
      const about = { target: togetherOf(holder), grants: await requireRole(tx, name) }
      assertMay(standing, 'roles.assign', about)
      if (holder.roles.includes(name)) return holder.roles
      return save(tx, { actor, accountId, name, roles: [...holder.roles, name], type: 'role.assigned' })
    })
  }

  async function unassign(actor: Actor, { accountId, role: name }: Assignment): Promise<string[]> {
    return db.inTransaction(async (tx) => {
      const standing = await access.standingOf(actor, null, tx)
      assertMay(standing, 'roles.assign')
      const administrators = name === 'admin' ? await lockAdministrators(tx) : []
      const holder = await lockHolder(tx, accountId)
      const role = instanceRole(name, holder.ownRoles)
      assertMay(standing, 'roles.assign', { target: togetherOf(holder), grants: role })
      if (!holder.roles.includes(name)) throw notFound('role_not_found')
      if (administrators.length === 1 && administrators[0] === accountId) throw conflict('last_administrator')
      const roles = holder.roles.filter((each) => each !== name)
      return save(tx, { actor, accountId, name, roles, type: 'role.unassigned' })
    })
  }

  async function save(tx: Tx, { actor, accountId, name, roles, type }: Saving): Promise<string[]> {
    await store.setRolesOf(tx, accountId, { roles, now: clock.now() })
    await audit.record(tx, { type, actor, accountId, details: { role: name } })
    return roles
  }

  return { assertMayAssign, assign, unassign }
}

type Saving = {
  actor: Actor
  accountId: string
  name: string
  roles: string[]
  type: 'role.assigned' | 'role.unassigned'
}

/** All that somebody holds, as the one role that touching them takes. */
function togetherOf({ roles, ownRoles }: Holder): Role {
  const { rank, permissions } = standingOfPerson({
    roles: roles.map((name) => instanceRole(name, ownRoles)),
  })
  return { rank, permissions: [...permissions] }
}
