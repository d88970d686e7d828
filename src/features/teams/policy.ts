// Owns who may do what to teams and roles: the table of the built-in roles, and the rules that read it. All pure; the
// facts come from whoever asks, read on locked rows.
import type { Actor } from '../../kernel/events.ts'

/** What can be done to one team. */
const inTeam = [
  'team.view',
  'team.update',
  'team.delete',
  'team.transfer',
  'members.list',
  'members.add',
  'members.remove',
  'members.change_role',
  'invitations.list',
  'invitations.create',
  'invitations.resend',
  'invitations.revoke',
  'join_codes.list',
  'join_codes.create',
  'join_codes.revoke',
  'team_roles.list',
  'team_roles.define',
  'team_roles.remove',
] as const

/** What can be done to the installation. */
const instanceWide = [
  'teams.list',
  'teams.create',
  'roles.list',
  'roles.define',
  'roles.remove',
  'roles.assign',
] as const

export const permissions = [...inTeam, ...instanceWide] as const
export type Permission = (typeof permissions)[number]

export const teamRoles = ['owner', 'admin', 'member'] as const
export type TeamRole = (typeof teamRoles)[number]

export const instanceRoles = ['admin', 'organizer', 'user'] as const
export type InstanceRole = (typeof instanceRoles)[number]

const member = ['team.view', 'members.list', 'team_roles.list'] as const satisfies Permission[]
const admin = [
  ...member,
  'team.update',
  'members.add',
  'members.remove',
  'members.change_role',
  'invitations.list',
  'invitations.create',
  'invitations.resend',
  'invitations.revoke',
  'join_codes.list',
  'join_codes.create',
  'join_codes.revoke',
] as const satisfies Permission[]

const ofTeamRole = { owner: inTeam, admin, member } as const satisfies Record<TeamRole, readonly Permission[]>

const ofInstanceRole = {
  admin: permissions,
  organizer: ['teams.create'],
  user: [],
} as const satisfies Record<InstanceRole, readonly Permission[]>

/** What a client may do at the management API; with a write scope it stands as high as an administrator. */
const ofScope: Record<string, readonly Permission[]> = {
  'teams:read': [
    'teams.list',
    'team.view',
    'members.list',
    'invitations.list',
    'join_codes.list',
    'team_roles.list',
  ],
  'teams:write': ['teams.list', 'teams.create', ...inTeam],
  'roles:read': ['roles.list', 'team_roles.list'],
  'roles:write': [
    'roles.list',
    'roles.define',
    'roles.remove',
    'roles.assign',
    'team_roles.list',
    'team_roles.define',
    'team_roles.remove',
  ],
}

const rankInTeam = { owner: 3, admin: 2, member: 1 } as const satisfies Record<TeamRole, number>
const rankInInstance = { admin: 4, organizer: 1, user: 0 } as const satisfies Record<InstanceRole, number>
const rankOf = { nobody: 0, ownRole: 1, administrator: rankInInstance.admin } as const

/** A role as the rules see it: how high it stands, and what it lets its holder do. */
export type Role = { rank: number; permissions: readonly string[] }

/** A role of an operator's or a team's own making: what is in no table here stands as low as a member. */
const ownRole = (held: readonly string[] = []): Role => ({ rank: rankOf.ownRole, permissions: held })

export const isTeamRole = (name: string): name is TeamRole => Object.hasOwn(ofTeamRole, name)
export const isInstanceRole = (name: string): name is InstanceRole => Object.hasOwn(ofInstanceRole, name)

/** A team's role by its name; `own` is the permission set of one that is not built in. */
export const teamRole = (name: string, own?: readonly string[]): Role =>
  isTeamRole(name) ? { rank: rankInTeam[name], permissions: ofTeamRole[name] } : ownRole(own)

/** The permission sets of roles that are not built in, by name. */
export type OwnRoles = Readonly<Record<string, readonly string[]>>

export function instanceRole(name: string, own?: OwnRoles | null): Role {
  if (isInstanceRole(name)) return { rank: rankInInstance[name], permissions: ofInstanceRole[name] }
  // A role may well be called constructor
  return ownRole(own && Object.hasOwn(own, name) ? own[name] : [])
}

/** What somebody is where something is to be done: all roles that count there, taken together. */
export type Standing = { rank: number; permissions: ReadonlySet<string> }

function together(roles: readonly Role[]): Standing {
  return {
    rank: Math.max(rankOf.nobody, ...roles.map(({ rank }) => rank)),
    permissions: new Set(roles.flatMap((role) => role.permissions)),
  }
}

export const nobody: Standing = together([])
export const administrator: Standing = together([instanceRole('admin')])

/** What a person holds. Roles of the whole installation count in every team. */
export function standingOfPerson({ roles, inTeam }: { roles: readonly Role[]; inTeam?: Role }): Standing {
  return together(inTeam ? [...roles, inTeam] : roles)
}

function standingOfClient(scopes: readonly string[]): Standing {
  const held = scopes.map((scope) => ofScope[scope] ?? [])
  const writes = scopes.some((scope) => scope.endsWith(':write') && Object.hasOwn(ofScope, scope))
  const rank = writes ? rankOf.administrator : rankOf.nobody
  return together(held.map((each) => ({ rank, permissions: each })))
}

/** Of everybody but people, whose roles have to be looked up. */
export function standingOfOther(actor: Exclude<Actor, { kind: 'account' }>): Standing {
  switch (actor.kind) {
    case 'operator':
    case 'system':
      return administrator
    case 'client':
      return standingOfClient(actor.scopes ?? [])
    case 'stranger':
      return nobody
  }
}

/** Nobody gives what they do not hold. Administrators hold everything, also what only apps have a name for. */
export function mayGrant(actor: Standing, role: Role): boolean {
  if (actor.rank === rankOf.administrator) return true
  return role.rank <= actor.rank && role.permissions.every((each) => actor.permissions.has(each))
}

/** As much of an account as its permissions follow from: what the view `account_snapshot` shows. */
export type RoleHolder = {
  roles: readonly string[]
  own_roles?: OwnRoles | null
  teams: readonly { id: string; permissions?: readonly string[] | null }[] | null
}

/**
 * The claim `permissions`: what the roles of the whole installation hold, and what a team's own role holds in that
 * team, as `permission@team-id`. What the built-in roles of a team hold is told by `teams[].role`.
 */
export function permissionsOf({ roles, own_roles, teams }: RoleHolder): string[] {
  const everywhere = roles.flatMap((name) => instanceRole(name, own_roles).permissions)
  const inTeams = (teams ?? []).flatMap((team) =>
    (team.permissions ?? []).map((each) => `${each}@${team.id}`),
  )
  return [...new Set([...everywhere, ...inTeams])].sort()
}

/** What an operation touches besides the team: whom, by the role they have, and the role that is given. */
export type About = { target?: Role; grants?: Role }

/** Only who stands at least as high as the other may touch them, so that owners are touched by owners alone. */
export function may(actor: Standing, permission: Permission, { target, grants }: About = {}): boolean {
  if (!actor.permissions.has(permission)) return false
  if (target && target.rank > actor.rank) return false
  return grants === undefined || mayGrant(actor, grants)
}
