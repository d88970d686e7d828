// What an import makes of roles that are not built in, of APIs, and of what clients may ask for there.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTransfer } from '../../src/transfer.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { createManagement } from '../support/management.ts'
import { demoMachine } from '../support/rp.ts'

let app: TestApp
beforeAll(async () => {
  app = await startApp()
})
afterAll(() => app.close())

async function importAll(values: object[]) {
  async function* items() {
    for (const [index, value] of values.entries()) yield { line: index + 1, value }
  }
  const { refused, ...counts } = await createTransfer(app.services).imports.run({ kind: 'operator' }, items())
  return { ...counts, refused: refused.map(({ line, reason }) => `${line} ${reason}`) }
}

const facts = async (type: string) =>
  (await app.services.db.prisma.auditEvent.findMany({ where: { type }, orderBy: { id: 'asc' } })).map(
    ({ details }) => details,
  )

describe('an import of roles', () => {
  const judge = { type: 'role', name: 'judge', permissions: ['quests:verify', 'quests:read'] }
  const bard = {
    type: 'role',
    team: 'acme',
    name: 'bard',
    permissions: ['members.list'],
    description: 'Sings',
  }

  it('makes them with a fact each, and says which line it leaves behind', async () => {
    expect(
      await importAll([
        judge,
        bard,
        { ...judge, permissions: [] },
        { ...bard, name: 'owner' },
        { ...judge, name: 'admin' },
        { ...bard, team: 'nobodys' },
        { ...judge, name: 'Not A Name' },
        { ...judge, name: 'clerk', permissions: ['No permission'] },
        { ...judge, name: 'clerk', permissions: 'quests:read' },
        { ...judge, name: 'clerk', description: { not: '' } },
        { ...judge, name: 'clerk', rank: 1 },
        { type: 'member', team: 'acme', user: 'admin@example.test', role: 'bard' },
      ]),
    ).toEqual({
      created: 3,
      unchanged: 0,
      refused: [
        '3 /name: is that of line 1',
        expect.stringMatching(/^4 \/name: Use lower-case/),
        expect.stringMatching(/^5 \/name: Use lower-case/),
        '6 /team: there is no such team',
        expect.stringMatching(/^7 \/name: Use lower-case/),
        expect.stringMatching(/^8 \/permissions: Name at most/),
        expect.stringMatching(/^9 \/permissions: /),
        expect.stringMatching(/^10 \/description: /),
        '11 /rank: is not known: remove it',
      ],
    })
    const { id: team } = await app.services.teams.getBySlug('acme')
    // Of one statement, in no order
    expect(new Set(await facts('role.defined'))).toEqual(
      new Set([
        { role: 'judge', permissions: ['quests:read', 'quests:verify'] },
        { role: 'bard', permissions: ['members.list'], team },
      ]),
    )
  })

  it('leaves one that is there as it is', async () => {
    expect(await importAll([judge, bard])).toEqual({ created: 0, unchanged: 2, refused: [] })
    expect(
      await importAll([
        { ...judge, permissions: [] },
        { ...bard, description: 'Shouts' },
      ]),
    ).toEqual({
      created: 0,
      unchanged: 0,
      refused: [
        '1 a role with this name exists, and differs in permissions',
        '2 a role with this name exists, and differs in description',
      ],
    })
  })
})

describe('an import of APIs', () => {
  const api = { type: 'api', identifier: 'urn:purse', name: 'Purse', scopes: ['purse:open', 'purse:count'] }
  const entry = { type: 'api_client', api: 'urn:purse', client: 'demo-machine', scopes: ['purse:count'] }

  it('makes them and what clients may ask for there, and says which line it leaves behind', async () => {
    expect(
      await importAll([
        api,
        { ...api, name: 'Again' },
        { ...api, identifier: 'not a URI' },
        { ...api, identifier: 'urn:x', scopes: ['two scopes'] },
        { ...api, identifier: 'urn:x', scopes: 'purse:open' },
        { ...api, identifier: 'urn:x', name: { not: '' } },
        { ...api, identifier: 'urn:x', owner: 'ada' },
        entry,
        { ...entry, scopes: [] },
        { ...entry, api: 'urn:nothing' },
        { ...entry, client: 'nobody' },
        { ...entry, client: 'foyer-first-party' },
      ]),
    ).toEqual({
      created: 2,
      unchanged: 0,
      refused: [
        '2 /identifier: is that of line 1',
        expect.stringMatching(/^3 \/identifier: /),
        '4 /scopes/0: must be one scope',
        expect.stringMatching(/^5 \/scopes: /),
        expect.stringMatching(/^6 \/name: /),
        '7 /owner: is not known: remove it',
        '9 /client: is that of line 8',
        '10 /api: there is no such API',
        '11 /client: there is no such client',
        '12 /client: is one of Foyer’s own',
      ],
    })
    expect(await facts('api.client_allowed')).toContainEqual({
      api: 'urn:purse',
      scopes: ['purse:count'],
      serves: false,
    })
  })

  it('tells the running server, which makes tokens for the API at once', async () => {
    const { machineToken } = createManagement(app.issuer)
    expect(await machineToken('purse:count', demoMachine, 'urn:purse')).toBeTypeOf('string')
    await expect(machineToken('purse:open', demoMachine, 'urn:purse')).rejects.toThrow('400')
  })

  it('leaves what is there as it is', async () => {
    expect(await importAll([api, entry])).toEqual({ created: 0, unchanged: 2, refused: [] })
    expect(
      await importAll([
        { ...api, open_to_all: true },
        { ...entry, serves: true },
      ]),
    ).toMatchObject({
      refused: [
        '1 an API with this identifier exists, and differs in open_to_all',
        '2 an entry for this client exists, and differs in serves',
      ],
    })
  })
})
