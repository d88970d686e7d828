// Owns what somebody finds when they open a team: the team, their own role, and what they may do there, so that pages
// offer no more than that. What is then done is asked again by whoever does it.
import { notFound } from '../../kernel/errors.ts'
import type { Actor } from '../../kernel/events.ts'
import type { Access } from './access.ts'
import type { MemberStore } from './member-store.ts'
import { may, mayGrant, type Permission, teamRole, teamRoles } from './policy.ts'
import type { RoleStore } from './role-store.ts'
import type { Team } from './schema.ts'
import type { TeamStore } from './store.ts'

export type RoomsDeps = {
  teamStore: Pick<TeamStore, 'findBySlug'>
  memberStore: Pick<MemberStore, 'membershipsOf'>
  roleStore: Pick<RoleStore, 'list'>
  access: Pick<Access, 'look'>
}

type Person = Extract<Actor, { kind: 'account' }>

export type Room = {
  team: Team
  /** Of whoever opened it; nothing for an administrator who is no member. */
  role: string | undefined
  may: (permission: Permission) => boolean
  /** Whether they stand high enough to touch somebody in that role. */
  mayTouch: (role: string) => boolean
  /** Names of the roles that they may give. */
  grantable: string[]
}

export type Rooms = ReturnType<typeof createRooms>

export function createRooms({ teamStore, memberStore, roleStore, access }: RoomsDeps) {
  async function open(person: Person, slug: string): Promise<Room> {
    const found = await teamStore.findBySlug(slug)
    if (!found) throw notFound('team_not_found')
    const { team, standing } = await access.look(person, found.id)
    const [own, memberships] = await Promise.all([
      roleStore.list(team.id),
      memberStore.membershipsOf(person.id),
    ])
    const worth = new Map(own.map(({ name, permissions }) => [name, permissions]))
    const roleOf = (name: string) => teamRole(name, worth.get(name))
    return {
      team,
      role: memberships.find(({ id }) => id === team.id)?.role,
      may: (permission) => may(standing, permission),
      mayTouch: (role) => may(standing, 'members.remove', { target: roleOf(role) }),
      grantable: namesOf(own).filter((name) => mayGrant(standing, roleOf(name))),
    }
  }

  return { open }
}

const namesOf = (own: readonly { name: string }[]): string[] => [
  ...[...teamRoles].reverse(),
  ...own.map(({ name }) => name),
]
