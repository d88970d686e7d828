// Who may do what to teams and roles: every case that the table below stands for, held against the rules.
import { describe, expect, it } from 'vitest'
import {
  type About,
  administrator,
  instanceRole,
  may,
  mayGrant,
  nobody,
  type Permission,
  permissions,
  permissionsOf,
  type Role,
  type Standing,
  standingOfOther,
  standingOfPerson,
  teamRole,
} from '../../src/features/teams/policy.ts'

/** A team's own role that lets its holder manage members, though it ranks no higher than theirs. */
const steward = ['team.view', 'members.list', 'members.add', 'members.remove', 'members.change_role']
/** Another one, with a permission that only an app knows. */
const treasurer = ['team.view', 'treasury.open']

/** `x` where the holder of a role in the team at hand may do it; the last column is an organizer without one. */
const whoMayDoWhat = `
                        nobody  member  treasurer  steward  admin  owner  organizer  administrator
team.view               .       x       x          x        x      x      .          x
team.update             .       .       .          .        x      x      .          x
team.delete             .       .       .          .        .      x      .          x
team.transfer           .       .       .          .        .      x      .          x
members.list            .       x       .          x        x      x      .          x
members.add             .       .       .          x        x      x      .          x
members.remove          .       .       .          x        x      x      .          x
members.change_role     .       .       .          x        x      x      .          x
invitations.list        .       .       .          .        x      x      .          x
invitations.create      .       .       .          .        x      x      .          x
invitations.resend      .       .       .          .        x      x      .          x
invitations.revoke      .       .       .          .        x      x      .          x
join_codes.list         .       .       .          .        x      x      .          x
join_codes.create       .       .       .          .        x      x      .          x
join_codes.revoke       .       .       .          .        x      x      .          x
team_roles.list         .       x       .          .        x      x      .          x
team_roles.define       .       .       .          .        .      x      .          x
team_roles.remove       .       .       .          .        .      x      .          x
teams.list              .       .       .          .        .      .      .          x
teams.create            .       .       .          .        .      .      x          x
roles.list              .       .       .          .        .      .      .          x
roles.define            .       .       .          .        .      .      .          x
roles.remove            .       .       .          .        .      .      .          x
roles.assign            .       .       .          .        .      .      .          x
`

/** Whom the holder of a role may touch, where they may do such a thing at all: by the role of the other. */
const whoMayTouchWhom = `
                        member  treasurer  steward  admin  owner
steward                 x       x          x        .      .
admin                   x       x          x        x      .
owner                   x       x          x        x      x
administrator           x       x          x        x      x
`

/** Which role the holder of a role may give, where they may give any. */
const whoMayGiveWhat = `
                        member  treasurer  steward  admin  owner
steward                 .       .          x        .      .
admin                   x       .          x        x      .
owner                   x       .          x        x      x
administrator           x       x          x        x      x
`

/** Scopes of a client; with a write scope it touches and gives as an administrator does. */
const whatScopesAllow: Record<string, RegExp> = {
  'teams:read': /^(teams\.list|team\.view|(members|invitations|join_codes|team_roles)\.list)$/,
  'teams:write': /^(teams\.(list|create)|(team|members|invitations|join_codes|team_roles)\..+)$/,
  'roles:read': /^(roles|team_roles)\.list$/,
  'roles:write': /^(roles|team_roles)\..+$/,
  'users:write': /^never$/,
  'constructor:write': /^never$/,
}

type Table = { rows: string[]; columns: string[]; allows: (row: string, column: string) => boolean }

function read(text: string): Table {
  const [head = '', ...lines] = text.trim().split('\n')
  const columns = head.trim().split(/\s+/)
  const cells = new Map(
    lines.map((line) => {
      const [name = '', ...marks] = line.trim().split(/\s+/)
      expect(marks).toHaveLength(columns.length)
      return [name, marks] as const
    }),
  )
  const allows = (row: string, column: string) => cells.get(row)?.[columns.indexOf(column)] === 'x'
  return { rows: [...cells.keys()], columns, allows }
}

const operations = read(whoMayDoWhat)
const touching = read(whoMayTouchWhom)
const giving = read(whoMayGiveWhat)

const inTeam: Record<string, Role> = {
  member: teamRole('member'),
  treasurer: teamRole('treasurer', treasurer),
  steward: teamRole('steward', steward),
  admin: teamRole('admin'),
  owner: teamRole('owner'),
}
const roleNames = Object.keys(inTeam)

type Case = { name: string; standing: Standing; permission: Permission; about: About; expected: boolean }

/** In the other team the role they have in their own counts for nothing. */
function actors() {
  const instance = ['user', 'organizer', 'admin'] as const
  return instance.flatMap((wide) =>
    [undefined, ...roleNames].flatMap((own) =>
      (['own', 'other'] as const).map((team) => {
        const counts = team === 'own' ? own : undefined
        const role = counts === undefined ? undefined : inTeam[counts]
        return {
          name: `${wide}, ${own ?? 'nobody'} of their own team, in ${team} team`,
          standing: standingOfPerson({ roles: [instanceRole(wide)], ...(role && { inTeam: role }) }),
          /** The columns and rows of the tables that speak of them. */
          as: [
            counts ?? 'nobody',
            ...(wide === 'organizer' ? ['organizer'] : []),
            ...(wide === 'admin' ? ['administrator'] : []),
          ],
        }
      }),
    ),
  )
}

/** Themselves are touched by the same rule, with the role they have. */
function cases(): Case[] {
  return actors().flatMap(({ name, standing, as }) =>
    (operations.rows as Permission[]).flatMap((permission) => {
      const allowed = as.some((each) => operations.allows(permission, each))
      const plain = { name: `${name}: ${permission}`, standing, permission, about: {}, expected: allowed }
      const touches = /^members\.(remove|change_role)$|^team\.transfer$/.test(permission)
      const gives = /^members\.add$|^invitations\.create$|^join_codes\.create$/.test(permission)
      return [
        plain,
        ...roleNames.flatMap((other): Case[] => [
          ...(touches
            ? [
                {
                  ...plain,
                  name: `${plain.name} of ${other}`,
                  about: { target: inTeam[other] },
                  expected: allowed && as.some((each) => touching.allows(each, other)),
                },
              ]
            : []),
          ...(gives
            ? [
                {
                  ...plain,
                  name: `${plain.name} as ${other}`,
                  about: { grants: inTeam[other] },
                  expected: allowed && as.some((each) => giving.allows(each, other)),
                },
              ]
            : []),
        ]),
      ]
    }),
  )
}

describe('the policy', () => {
  const all = cases()

  it('has a row for every permission', () => {
    expect(operations.rows).toEqual([...permissions])
  })

  it('equals the table in 1,200 cases and more', () => {
    const wrong = all.filter(({ standing, permission, about, expected }) => {
      return may(standing, permission, about) !== expected
    })
    expect(wrong.map(({ name, expected }) => `${name}: ${expected ? 'refused' : 'allowed'}`)).toEqual([])
    expect(all.length).toBeGreaterThanOrEqual(1_200)
  })

  it('lets a role be changed only from one and into one that the actor stands above', () => {
    const wrong = actors().flatMap(({ name, standing, as }) =>
      roleNames.flatMap((from) =>
        roleNames
          .filter((to) => {
            const expected =
              as.some((each) => operations.allows('members.change_role', each)) &&
              as.some((each) => touching.allows(each, from)) &&
              as.some((each) => giving.allows(each, to))
            const about = { target: inTeam[from], grants: inTeam[to] }
            return may(standing, 'members.change_role', about as About) !== expected
          })
          .map((to) => `${name}: ${from} → ${to}`),
      ),
    )
    expect(wrong).toEqual([])
  })
})

describe('a client', () => {
  it.each(Object.entries(whatScopesAllow))('with %s may do what the scope names', (scope, allowed) => {
    const standing = standingOfOther({ kind: 'client', id: 'machine', scopes: [scope] })
    for (const permission of permissions) {
      expect([permission, may(standing, permission)]).toEqual([permission, allowed.test(permission)])
    }
  })

  it('touches owners and gives every role with a write scope, and nothing with a read scope', () => {
    const owner = teamRole('owner')
    const writer = standingOfOther({ kind: 'client', id: 'machine', scopes: ['teams:write'] })
    const reader = standingOfOther({ kind: 'client', id: 'machine', scopes: ['teams:read'] })
    expect(may(writer, 'members.change_role', { target: owner, grants: teamRole('admin') })).toBe(true)
    expect(mayGrant(writer, instanceRole('admin'))).toBe(true)
    expect(mayGrant(reader, teamRole('member'))).toBe(false)
  })

  it('without scopes may do nothing, nor may a stranger', () => {
    for (const standing of [
      standingOfOther({ kind: 'client', id: 'machine' }),
      standingOfOther({ kind: 'stranger' }),
      nobody,
    ]) {
      expect(permissions.filter((permission) => may(standing, permission))).toEqual([])
    }
  })
})

describe('the operator', () => {
  it('may do everything, and so may Foyer itself', () => {
    for (const kind of ['operator', 'system'] as const) {
      expect(standingOfOther({ kind })).toEqual(administrator)
    }
  })
})

describe('a role of the whole installation', () => {
  const helper = standingOfPerson({
    roles: [instanceRole('helper', { helper: ['roles.assign', 'desk.open'] })],
  })

  it.each([
    ['its own permissions', instanceRole('desk', { desk: ['desk.open'] }), true],
    ['no permission', instanceRole('insider'), true],
    ['one it does not hold', instanceRole('till', { till: ['desk.open', 'till.open'] }), false],
    ['a built-in one it does not hold', instanceRole('organizer'), false],
    ['everything', instanceRole('admin'), false],
  ])('that may assign roles gives one with %s: %s', (_, role, expected) => {
    expect(mayGrant(helper, role)).toBe(expected)
  })

  it('counts in every team, without standing above its admins', () => {
    const moderator = standingOfPerson({
      roles: [instanceRole('moderator', { moderator: ['members.remove'] })],
    })
    expect(may(moderator, 'members.remove', { target: teamRole('member') })).toBe(true)
    expect(may(moderator, 'members.remove', { target: teamRole('admin') })).toBe(false)
  })

  it('is no built-in one because an object has such a property', () => {
    expect(instanceRole('constructor').permissions).toEqual([])
    expect(teamRole('__proto__').permissions).toEqual([])
  })
})

describe('the claim permissions', () => {
  const teams = [
    { id: 't1', permissions: null },
    { id: 't2', permissions: ['treasury.open', 'quests:verify'] },
  ]

  it('holds what the roles of the installation hold, and a team’s own role in its team', () => {
    const own_roles = { helper: ['quests:verify', 'desk.open'] }
    expect(permissionsOf({ roles: ['organizer', 'helper', 'gone'], own_roles, teams })).toEqual([
      'desk.open',
      'quests:verify',
      'quests:verify@t2',
      'teams.create',
      'treasury.open@t2',
    ])
  })

  it('is empty for somebody without roles', () => {
    expect(permissionsOf({ roles: [], own_roles: null, teams: null })).toEqual([])
    expect(permissionsOf({ roles: ['constructor', '__proto__'], own_roles: {}, teams: [] })).toEqual([])
  })
})
