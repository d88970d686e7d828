// Owns the way into a team: who is asking, what they are there, and that a stranger learns of no team by being refused.
import { forbidden, invalidInput, notFound } from '../../kernel/errors.ts'
import type { Actor } from '../../kernel/events.ts'
import { isId } from '../../kernel/secrets.ts'
import type { Tx } from '../../platform/postgres.ts'
import type { MemberStore } from './member-store.ts'
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
import type { Team } from './schema.ts'
import type { TeamStore } from './store.ts'

export type AccessDeps = {
  teamStore: Pick<TeamStore, 'findById' | 'lock'>
  memberStore: Pick<MemberStore, 'findFacts'>
}

/** A team that the actor may see, and what they are in it. */
export type Entered = { team: Team; standing: Standing }

export type Access = ReturnType<typeof createAccess>

export function createAccess({ teamStore, memberStore }: AccessDeps) {
  /** In a team, or, without one, in the whole installation. */
  async function standingOf(actor: Actor, teamId: string | null, tx?: Tx): Promise<Standing> {
    if (actor.kind !== 'account') return standingOfOther(actor)
    const facts = await memberStore.findFacts({ accountId: actor.id, teamId }, tx)
    if (!facts) return nobody
    return standingOfPerson({
      roles: facts.roles.map((name) => instanceRole(name)),
      ...(facts.role !== null && { inTeam: teamRole(facts.role) }),
    })
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

  return { standingOf, look, enter }
}

export function assertMay(standing: Standing, permission: Permission, about?: About): void {
  if (!may(standing, permission, about)) throw forbidden()
}

/** A role that somebody names to give it. */
export function requireRole(name: string): Role {
  if (isTeamRole(name)) return teamRole(name)
  const detail = 'Name owner, admin or member.'
  throw invalidInput([{ pointer: '/role', code: 'role_invalid', detail }])
}
