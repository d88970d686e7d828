// Class O at every hole of every path of the management API, made from the routes: what belongs to somebody else is as
// unknown as what never was, wherever its id stands, and an id of another kind names nothing.
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type ManagementDeps, managementRoutes } from '../../src/api/management-routes.ts'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { createDoor } from '../support/door.ts'
import { all, createManagement } from '../support/management.ts'
import { unchanged } from '../support/refusals.ts'

type Side = 'mine' | 'theirs'
type Owned = Record<string, string>

const holed = managementRoutes({} as ManagementDeps).filter(({ path }) => path.includes('/:'))

let app: TestApp
let api: ReturnType<typeof createManagement>
let as = ''
let machine = ''
/** What each side owns, by the hole it fits: `/teams/:id` and `/users/:id` are told apart by their folder. */
const owned: Record<Side, Owned> = { mine: {}, theirs: {} }
beforeAll(async () => {
  app = await startApp({ env: testHooks })
  api = createManagement(app.issuer)
  as = await own('mine')
  await own('theirs')
}, 60_000)
afterAll(() => app.close())
beforeEach(async () => {
  await app.advance(1)
  machine = await api.machineToken(`${all} teams:read teams:write`)
})

async function registered(email: string) {
  const person = { email, password: 'a-rather-long-password' }
  const { body } = await createDoor(app.issuer).post('/auth/register', person)
  return { token: body.access_token, id: decodeJwt(body.access_token).sub ?? '' }
}

/** A person with a team, and one of everything that a team or a person can have. Gives their token. */
async function own(side: Side): Promise<string> {
  const wide = await api.machineToken(`${all} teams:read teams:write`)
  const owner = await registered(`${side}-owner@people.example`)
  const member = await registered(`${side}-member@people.example`)
  const make = async (path: string, json: object, token = wide) => {
    const { status, body, text } = await api.ask('POST', path, { as: token, json })
    if (status >= 300) throw new Error(`${path} answered ${status} ${text}`)
    return body
  }
  const team = (await make('/teams', { slug: side, name: side })).id
  await make(`/teams/${team}/members`, { user_id: owner.id, role: 'owner' })
  await make(`/teams/${team}/members`, { user_id: member.id })
  const name = `${side}-role`
  await make(`/teams/${team}/roles`, { name, permissions: [] })
  const expires_at = new Date(app.services.clock.millis() + 86_400_000).toISOString()
  owned[side] = {
    'teams/:id': team,
    'users/:id': owner.id,
    'members/:user_id': member.id,
    'roles/:name': name,
    'roles/:role': name,
    'invitations/:invitation_id': (
      await make(`/teams/${team}/invitations`, { email: `${side}@people.example` })
    ).id,
    'join-codes/:join_code_id': (await make(`/teams/${team}/join-codes`, { max_uses: 3, expires_at })).id,
    'sessions/:id': await sessionOf(owner.token),
    'sessions/:session_id': await sessionOf(owner.token),
  }
  return owner.token
}

const sessionOf = async (token: string): Promise<string> =>
  String((await api.ask('GET', '/sessions', { as: token })).body.data[0]?.id)

/** So that nothing but the ids can be the reason of a refusal. */
const bodies: Record<string, () => object> = {
  'PATCH /users/:id': () => ({ name: 'Taken over' }),
  'PATCH /teams/:id': () => ({ name: 'Taken over' }),
  'POST /teams/:id/members': () => ({ user_id: owned.mine['users/:id'] }),
  'PATCH /teams/:id/members/:user_id': () => ({ role: 'admin' }),
  'POST /teams/:id/transfer': () => ({ user_id: owned.mine['members/:user_id'] }),
  'POST /teams/:id/invitations': () => ({ email: 'more@people.example' }),
  'POST /teams/:id/join-codes': () => ({
    max_uses: 3,
    expires_at: new Date(app.services.clock.millis() + 86_400_000).toISOString(),
  }),
  'POST /teams/:id/roles': () => ({ name: 'more', permissions: [] }),
  'PATCH /teams/:id/roles/:name': () => ({ permissions: ['team.view'] }),
}

/** A member is a person, wherever they are named. */
const kindOf = (hole: string): string => hole.replace('members/:user_id', 'users/:id').replace(/\/.*/, '')

const holesOf = (path: string): string[] => path.match(/[a-z-]+\/:[a-z_]+/g) ?? []

/** Each hole with what is one's own or another's, but not all with one's own. */
function mixes(holes: readonly string[]): Side[][] {
  const every = holes.reduce<Side[][]>(
    (so, _) =>
      so.flatMap(
        (sides) =>
          [
            [...sides, 'mine'],
            [...sides, 'theirs'],
          ] as Side[][],
      ),
    [[]],
  )
  return every.filter((sides) => sides.includes('theirs'))
}

function filled(path: string, ids: readonly string[]): string {
  let at = 0
  return path.replace(/:[a-z_]+/g, () => encodeURIComponent(ids[at++] ?? ''))
}

describe('what belongs to somebody else', () => {
  const reached = holed
    .filter(({ permission }) => permission.reach !== 'installation')
    .flatMap((route) => mixes(holesOf(route.path)).map((sides) => ({ route, sides })))
    .map(({ route, sides }) => ({ name: `${route.method} ${route.path}`, route, sides }))

  it('is tried in more than thirty places', () => {
    expect(reached.length).toBeGreaterThan(30)
  })

  it.each(reached)('is unknown to $name with $sides', async ({ name, route, sides }) => {
    const ids = holesOf(route.path).map((hole, index) => owned[sides[index] ?? 'theirs'][hole] ?? '')
    expect(ids).not.toContain('')
    const body = bodies[name]?.()
    // A new route with a body is to be tried with one that is right
    expect(body !== undefined).toBe(route.body !== undefined)
    await unchanged(app, async () => {
      const answer = await api.ask(route.method, filled(route.path, ids), { as, json: body })
      expect([answer.status, answer.body.code]).toEqual([404, expect.stringMatching(/_not_found$/)])
    })
  })

  it('is not made an owner by handing over a team they are not in', async () => {
    const path = `/teams/${owned.mine['teams/:id']}/transfer`
    await unchanged(app, async () => {
      const { status } = await api.ask('POST', path, { as, json: { user_id: owned.theirs['users/:id'] } })
      expect(status).toBe(404)
    })
  })
})

describe('an id of another kind', () => {
  it.each(holed.map((route) => ({ name: `${route.method} ${route.path}`, route })))(
    'names nothing at $name, for an administrator either',
    async ({ name, route }) => {
      const holes = holesOf(route.path)
      const right = holes.map((hole) => owned.theirs[hole] ?? 'urn:nobody')
      await unchanged(app, async () => {
        for (const [index, hole] of holes.entries()) {
          const others = Object.entries(owned.theirs).filter(([kind]) => kindOf(kind) !== kindOf(hole))
          for (const [kind, id] of others) {
            const ids = right.map((each, at) => (at === index ? id : each))
            const json = route.body ? (bodies[name]?.() ?? {}) : undefined
            const { status, text } = await api.ask(route.method, filled(route.path, ids), {
              as: machine,
              json,
            })
            expect([hole, kind, [400, 404].includes(status) || `${status} ${text}`]).toEqual([
              hole,
              kind,
              true,
            ])
          }
        }
      })
    },
  )
})
