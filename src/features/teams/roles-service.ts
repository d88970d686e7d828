// Owns roles that are not built in: named sets of permissions of the installation or of one team. Nobody makes a role
// that holds more than they do, nor changes one that does.
import { conflict, notFound } from '../../kernel/errors.ts'
import type { Actor } from '../../kernel/events.ts'
import type { Clock } from '../../kernel/time.ts'
import { assertVersion, nextVersion } from '../../kernel/versions.ts'
import { type Db, isUniqueViolation, type Tx } from '../../platform/postgres.ts'
import type { Audit } from '../audit/service.ts'
import { type Access, accountOf, assertMay, enteredBy, requireTeamId, standingFrom } from './access.ts'
import { readRoleName, readRoleSet } from './own-roles-policy.ts'
import {
  permissions as builtIn,
  instanceRole,
  instanceRoles,
  type Permission,
  type Role,
  type Standing,
  teamRole,
  teamRoles,
} from './policy.ts'
import type { RoleStore } from './role-store.ts'
import type {
  ChangeRole,
  DefineRole,
  Expected,
  ListedRole,
  OfRole,
  OwnRole,
  RoleHome,
  StoredRole,
} from './schema.ts'

export type RolesDeps = {
  db: Pick<Db, 'inTransaction'>
  store: RoleStore
  access: Access
  clock: Clock
  audit: Pick<Audit, 'record'>
}

export type Roles = ReturnType<typeof createRoles>

type Deed = 'list' | 'define' | 'remove'

export function createRoles({ db, store, access, clock, audit }: RolesDeps) {
  const needed = ({ teamId }: RoleHome, deed: Deed): Permission =>
    teamId === undefined ? `roles.${deed}` : `team_roles.${deed}`

  /** Built-in ones first. */
  async function list(actor: Actor, home: RoleHome = {}): Promise<ListedRole[]> {
    const { teamId } = home
    const key = { accountId: accountOf(actor), teamId: teamId === undefined ? null : requireTeamId(teamId) }
    const { rows, ...looked } = await store.look(key)
    const standing =
      teamId === undefined ? standingFrom(actor, looked.facts) : enteredBy(actor, looked).standing
    assertMay(standing, needed(home, 'list'))
    const names = teamId === undefined ? instanceRoles : teamRoles
    const given = names.map((name) => ({
      name,
      description: null,
      permissions: [...(teamId === undefined ? instanceRole(name) : teamRole(name)).permissions],
      builtIn: true,
    }))
    return [...given, ...rows.map((role) => ({ ...role, builtIn: false }))]
  }

  /** One by its name, to whoever may see them all. */
  async function get(actor: Actor, { name, ...home }: OfRole): Promise<ListedRole> {
    const found = (await list(actor, home)).find((role) => role.name === name)
    if (!found) throw notFound('role_not_found')
    return found
  }

  /** Every permission that has a name: Foyer's own, and those that some role gives to apps. */
  async function listPermissions(actor: Actor): Promise<string[]> {
    const { facts, rows } = await store.lookForPermissions(accountOf(actor))
    assertMay(standingFrom(actor, facts), 'roles.list')
    return [...new Set([...builtIn, ...rows.map(({ name }) => name)])]
  }

  /** Changes of a team's roles wait for changes of its members, and the other way round. */
  async function enter(tx: Tx, actor: Actor, { teamId }: RoleHome): Promise<Standing> {
    if (teamId === undefined) return access.standingOf(actor, null, tx)
    return (await access.enter(tx, actor, teamId)).standing
  }

  async function create(actor: Actor, { teamId, ...input }: RoleHome & DefineRole): Promise<StoredRole> {
    const name = readRoleName(input.name, teamId === undefined ? 'installation' : 'team')
    const { permissions = [], description = null } = readRoleSet(input)
    const now = clock.now()
    const made = { name, permissions, description }
    try {
      await db.inTransaction(async (tx) => {
        const standing = await enter(tx, actor, { teamId })
        assertMay(standing, needed({ teamId }, 'define'), { grants: worth(made.permissions) })
        await store.insert(tx, teamId ?? null, { ...made, now })
        await record(tx, 'role.defined', { actor, teamId, ...made })
      })
    } catch (cause) {
      if (isUniqueViolation(cause)) throw conflict('role_name_taken', cause)
      throw cause
    }
    return { ...made, updatedAt: now }
  }

  /** Whoever changes it holds what it held and what it will hold. */
  async function change(
    actor: Actor,
    { teamId, name, expected, ...input }: OfRole & ChangeRole & Expected,
  ): Promise<StoredRole> {
    const set = readRoleSet(input)
    return db.inTransaction(async (tx) => {
      const standing = await enter(tx, actor, { teamId })
      const before = await lockedFor(tx, standing, { teamId, name, deed: 'define' })
      assertMay(standing, needed({ teamId }, 'define'), {
        grants: worth(set.permissions ?? before.permissions),
      })
      assertVersion(before.updatedAt, expected)
      const now = nextVersion(before.updatedAt, clock.now())
      const role = await store.update(tx, teamId ?? null, { name, ...set, now })
      await record(tx, 'role.defined', { actor, teamId, ...role })
      return role
    })
  }

  async function lockedFor(
    tx: Tx,
    standing: Standing,
    { deed, ...about }: OfRole & { deed: Deed },
  ): Promise<StoredRole> {
    assertMay(standing, needed(about, deed))
    const role = await store.lock(tx, about.teamId ?? null, about.name)
    if (!role) throw notFound('role_not_found')
    assertMay(standing, needed(about, deed), { grants: worth(role.permissions) })
    return role
  }

  /** Not while somebody holds it: they would keep a name that means nothing, or worse, something else later. */
  async function remove(actor: Actor, { teamId, name }: OfRole): Promise<void> {
    await db.inTransaction(async (tx) => {
      const standing = await enter(tx, actor, { teamId })
      const role = await lockedFor(tx, standing, { teamId, name, deed: 'remove' })
      if (await store.isHeld(tx, teamId ?? null, name)) throw conflict('role_in_use')
      await store.remove(tx, teamId ?? null, name)
      await record(tx, 'role.removed', { actor, teamId, ...role })
    })
  }

  async function record(tx: Tx, type: 'role.defined' | 'role.removed', { actor, ...role }: Fact) {
    const { name, permissions, teamId } = role
    const details = { role: name, permissions, ...(teamId !== undefined && { team: teamId }) }
    await audit.record(tx, { type, actor, details })
  }

  return { list, get, listPermissions, create, change, remove }
}

type Fact = OwnRole & RoleHome & { actor: Actor }

/** Its rank is that of every role that is not built in, wherever it counts. */
const worth = (permissions: readonly string[]): Role => teamRole('', permissions)
