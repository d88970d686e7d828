// Owns the way into a team: who is asking, what they are there, and that a stranger learns of no team by being refused.
import { forbidden, invalidInput, notFound } from '../../kernel/errors.ts'
import type { Actor } from '../../kernel/events.ts'
import { isId } from '../../kernel/secrets.ts'
import type { Tx } from '../../platform/postgres.ts'
import type { Facts, Looked, LookStore } from './look-store.ts'
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
  teamStore: Pick<TeamStore, 'lock'>
  lookStore: LookStore
  roleStore: Pick<RoleStore, 'find'>
}

/** A team that the actor may see, and what they are in it. */
export type Entered = { team: Team; standing: Standing }

export type Access = ReturnType<typeof createAccess>

export function createAccess({ teamStore, lookStore, roleStore }: AccessDeps) {
  /** In a team, or, without one, in the whole installation. */
  async function standingOf(actor: Actor, teamId: string | null, tx?: Tx): Promise<Standing> {
    if (actor.kind !== 'account') return standingOfOther(actor)
    return standingFrom(actor, await lookStore.findFacts({ accountId: actor.id, teamId }, tx))
  }

  const look = async (actor: Actor, teamId: string): Promise<Entered> =>
    enteredBy(actor, await lookStore.find({ accountId: accountOf(actor), teamId: requireTeamId(teamId) }))

  /** To change something: waits for whoever changes something else, and asks on what they left behind. */
  async function enter(tx: Tx, actor: Actor, teamId: string): Promise<Entered> {
    const team = await teamStore.lock(tx, requireTeamId(teamId))
    return visible(team ?? undefined, team ? await standingOf(actor, teamId, tx) : nobody)
  }

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

export const accountOf = (actor: Actor): string | null => (actor.kind === 'account' ? actor.id : null)

/** What is no id of ours names no team. */
export function requireTeamId(text: string): string {
  if (!isId(text)) throw notFound('team_not_found')
  return text
}

/** By what was found at a look into a team. */
export const enteredBy = (actor: Actor, { team, facts }: Pick<Looked<unknown>, 'team' | 'facts'>): Entered =>
  visible(team, team ? standingFrom(actor, facts) : nobody)

/** A team that one may not see is answered like one that is not there. */
function visible(team: Team | undefined, standing: Standing): Entered {
  if (!team || !may(standing, 'team.view')) throw notFound('team_not_found')
  return { team, standing }
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
