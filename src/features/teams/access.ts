// Owns the way into a team: who is asking, what they are there, and that a stranger learns of no team by being refused.
import { forbidden, invalidInput, notFound } from '../../kernel/errors.ts'
import type { Actor } from '../../kernel/events.ts'
import { isId } from '../../kernel/secrets.ts'
import type { Tx } from '../../platform/postgres.ts'
import type { Facts, MemberStore } from './member-store.ts'
import {
  type About,
  instanceRole,
  isTeamRole,
  may,
  nobody,
  type Permission,
  type Role,
  type Standing,
  standingOfOther,
  standingOfPerson,
  teamRole,
} from './policy.ts'
import type { RoleStore } from './role-store.ts'
import type { Team } from './schema.ts'
import type { TeamStore } from './store.ts'

export type AccessDeps = {
  teamStore: Pick<TeamStore, 'findById' | 'lock'>
  memberStore: Pick<MemberStore, 'findFacts'>
  roleStore: Pick<RoleStore, 'find'>
}

/** A team that the actor may see, and what they are in it. */
export type Entered = { team: Team; standing: Standing }

export type Access = ReturnType<typeof createAccess>

export function createAccess({ teamStore, memberStore, roleStore }: AccessDeps) {
  /** In a team, or, without one, in the whole installation. */
  async function standingOf(actor: Actor, teamId: string | null, tx?: Tx): Promise<Standing> {
    if (actor.kind !== 'account') return standingOfOther(actor)
    return standingFrom(actor, await memberStore.findFacts({ accountId: actor.id, teamId }, tx))
  }

  async function show(actor: Actor, found: Team | null, tx?: Tx): Promise<Entered> {
    const standing = found ? await standingOf(actor, found.id, tx) : nobody
    // A team that one may not see is answered like one that is not there
    if (!found || !may(standing, 'team.view')) throw notFound('team_not_found')
    return { team: found, standing }
  }

  /** To look. */
  const look = async (actor: Actor, teamId: string): Promise<Entered> =>
    show(actor, isId(teamId) ? await teamStore.findById(teamId) : null)

  /** To change something: waits for whoever changes something else, and asks on what they left behind. */
  const enter = async (tx: Tx, actor: Actor, teamId: string): Promise<Entered> =>
    show(actor, isId(teamId) ? await teamStore.lock(tx, teamId) : null, tx)

  /** What a role is worth in a team; nothing when there is no such role. */
  async function findRole(teamId: string, name: string, tx?: Tx): Promise<Role | undefined> {
    if (isTeamRole(name)) return teamRole(name)
    const own = isId(teamId) ? await roleStore.find(teamId, name, tx) : null
    return own ? teamRole(name, own.permissions) : undefined
  }

  /** One that somebody names to give it. */
  async function requireRole(teamId: string, name: string, tx?: Tx): Promise<Role> {
    const role = await findRole(teamId, name, tx)
    if (role) return role
    const detail = 'Name owner, admin, member or a role of the team’s own.'
    throw invalidInput([{ pointer: '/role', code: 'role_invalid', detail }])
  }

  return { standingOf, look, enter, findRole, requireRole }
}

/** What somebody is by the facts that were read of them, which only people have. */
export function standingFrom(actor: Actor, facts: Facts | undefined): Standing {
  if (actor.kind !== 'account') return standingOfOther(actor)
  if (!facts) return nobody
  return standingOfPerson({
    roles: facts.roles.map((name) => instanceRole(name, facts.ownRoles)),
    ...(facts.role !== null && { inTeam: teamRole(facts.role, facts.ownPermissions ?? []) }),
  })
}

export function assertMay(standing: Standing, permission: Permission, about?: About): void {
  if (!may(standing, permission, about)) throw forbidden()
}
