// How often a list goes to the database, whatever its length: pages of the management API and of the account.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ManagementDeps, managementRoutes } from '../../src/api/management-routes.ts'
import { createTransfer } from '../../src/transfer.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { createPerson, type Person } from '../support/browser-less.ts'
import { admin, all, createManagement } from '../support/management.ts'
import { ada, createRp } from '../support/rp.ts'

let app: TestApp
let token: string
let person: Person
let teamId: string
let userId: string
let tokens: Record<string, string>
beforeAll(async () => {
  app = await startApp({ env: { FOYER_LOGIN_LAYOUT: 'single' } })
  const { machineToken, personToken } = createManagement(app.issuer)
  token = await machineToken(`${all} teams:read`)
  tokens = { machine: token, administrator: await personToken(admin), owner: await personToken(ada) }
  async function* items() {
    for (let index = 0; index < 300; index += 1) {
      const value = { type: 'user', email: `person-${index}@example.test`, name: `Person ${index}` }
      yield { line: index, value }
    }
    const members = Array.from({ length: 300 }, (_, index) => ({ user: `person-${index}@example.test` }))
    yield { line: 300, value: { type: 'team', slug: 'crowd', name: 'Crowd', members } }
  }
  await createTransfer(app.services).imports.run({ kind: 'operator' }, items())
  teamId = (await app.services.teams.getBySlug('crowd')).id
  userId = (await app.services.accounts.findByIdentifier(ada.email))?.id ?? ''
  await app.services.members.add({ kind: 'operator' }, { teamId, accountId: userId, role: 'owner' })
  person = createPerson()
})
afterAll(() => app.close())

async function statementsOf(work: () => Promise<unknown>): Promise<string[]> {
  // What a process reads once is not what is counted
  await work()
  app.statements()
  await work()
  return app.statements()
}

describe('a page of the management API', () => {
  it.each([
    ['users', () => '/users?limit=100'],
    ['users of one status', () => '/users?status=active&limit=100'],
    ['users that a search finds', () => '/users?search=person&limit=100'],
    ['teams', () => '/teams?limit=100'],
    ['teams that a search finds', () => '/teams?search=crow'],
    ['members of a team', () => `/teams/${teamId}/members?limit=100`],
    ['clients', () => '/clients?limit=100'],
    ['sessions', () => '/sessions?limit=100'],
    ['facts of the audit log', () => '/audit?limit=100'],
    ['facts of one kind', () => '/audit?type=account.imported&limit=100'],
  ])('shows %s by at most three statements', async (_, path) => {
    const { ask } = createManagement(app.issuer)
    const seen = await statementsOf(async () => {
      expect((await ask('GET', path(), { as: token })).status).toBe(200)
    })
    expect(seen.length).toBeLessThanOrEqual(3)
  })
})

/** Of every route that reads, so that a new one is counted as well; the live events go on and have no count. */
const reading = managementRoutes({} as ManagementDeps).filter(
  ({ method, answer }) => method === 'GET' && answer.type === undefined,
)

describe('whoever asks, an administrator and an owner of the team too,', () => {
  it.each(reading.map((route) => [route.path, route] as const))(
    '%s takes at most three statements',
    async (_, { path, permission }) => {
      const { ask } = createManagement(app.issuer)
      const here = path
        .replace('/users/:id', `/users/${userId}`)
        .replace('/teams/:id', `/teams/${teamId}`)
        .replace('/:id', '/unknown')
        .replace(/:[a-z_]+/, 'unknown')
      for (const [who, as] of Object.entries(tokens)) {
        if (who === 'owner' && permission.reach === 'installation') continue
        const seen = await statementsOf(async () => {
          expect([200, 404]).toContain((await ask('GET', here, { as })).status)
        })
        expect([who, seen.length, seen]).toEqual([who, Math.min(seen.length, 3), seen])
      }
    },
  )
})

it('a person who is signed in nowhere, and one who is not there, are looked for by the same three', async () => {
  const { ask } = createManagement(app.issuer)
  const nowhere = (await app.services.accounts.findByIdentifier('person-1@example.test'))?.id ?? ''
  for (const [id, status] of [
    [nowhere, 200],
    ['01a22e30-0000-7000-8000-000000000000', 404],
  ] as const) {
    const seen = await statementsOf(async () => {
      expect((await ask('GET', `/users/${id}/sessions`, { as: token })).status).toBe(status)
    })
    expect(seen).toHaveLength(3)
  }
})

describe('a page of the account', () => {
  it.each(['', '/sessions', '/apps', '/sign-in', '/data'])(
    '%s takes at most three statements',
    async (page) => {
      await createRp(app.issuer).signIn({ person })
      const seen = await statementsOf(async () => {
        const { status } = await person.open(`${app.issuer}/account${page}`)
        expect(status).toBe(200)
      })
      expect(seen.length).toBeLessThanOrEqual(3)
    },
  )
})
