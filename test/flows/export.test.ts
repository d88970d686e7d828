import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTransfer } from '../../src/transfer.ts'
import { startApp } from '../support/app.ts'
import { type Ran, runCommand } from '../support/command.ts'
import { foreignHashes } from '../support/foreign-hashes.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { createRegistry, operator, type Registry } from '../support/registry.ts'

let registry: Registry
let fresh: TestDatabase
beforeAll(async () => {
  registry = await createRegistry()
  fresh = await createTestDatabase()
})
afterAll(async () => {
  await registry.drop()
  await fresh.drop()
})

const people = Array.from({ length: 1_203 }, (_, index) => ({
  type: 'user',
  email: `Person-${index}@example.test`,
  ...(index % 2 === 0 && {
    email_verified: true,
    username: `person-${index}`,
    created_at: '2024-01-02T03:04:05.678Z',
  }),
  ...(index % 3 === 0 && {
    name: `Person ${index}`,
    address: { country: 'FR', locality: 'Lyon' },
    language: 'fr',
  }),
  ...(index % 5 === 0 && { password_hash: foreignHashes[index % foreignHashes.length]?.[2] }),
  ...(index % 7 === 0 && { status: 'disabled', roles: ['organizer', 'editor'] }),
}))
const others = [
  { type: 'user', email: 'robot@example.test', system: true },
  { type: 'user', email: 'vouched@example.test', vouched: true },
  {
    type: 'team',
    slug: 'acme',
    name: 'Acme',
    description: 'Of\nmany',
    members: [{ user: 'person-0', role: 'owner' }],
  },
  { type: 'team', slug: 'empty', name: 'Empty', updated_at: '2025-02-03T04:05:06.789Z' },
  { type: 'role', name: 'editor', permissions: ['quests:write', 'quests:read'], description: 'Of quests' },
  { type: 'role', team: 'acme', name: 'editor', permissions: [] },
  { type: 'role', team: 'acme', name: 'treasurer', permissions: ['members.list', 'purse:open'] },
  { type: 'member', team: 'acme', user: 'person-2', role: 'treasurer' },
  ...people.map(({ email }) => ({ type: 'member', team: 'empty', user: email })),
  {
    type: 'api',
    identifier: 'urn:quests',
    name: 'Quests',
    scopes: ['quests:write', 'quests:read'],
    open_to_all: true,
    wants_permissions: true,
    authorization_details_types: [
      { type: 'payment', title: 'A payment', fields: { amount: { kind: 'number', required: true } } },
    ],
    created_at: '2024-01-02T03:04:05.678Z',
  },
  { type: 'api', identifier: 'https://purse.example/', name: 'Purse', scopes: [] },
  {
    type: 'client',
    client_id: 'shop',
    default_resource: 'urn:quests',
    client_name: 'Shop',
    redirect_uris: ['https://shop.example/callback'],
    client_secret: 'a-secret-from-the-system-before',
    enabled: false,
  },
  {
    type: 'client',
    client_id: 'spa',
    redirect_uris: ['https://spa.example/callback'],
    token_endpoint_auth_method: 'none',
  },
  { type: 'api_client', api: 'urn:quests', client: 'shop', scopes: ['quests:read'], serves: true },
  { type: 'api_client', api: 'https://purse.example/', client: 'spa' },
]

const command = (url: string, args: string[], stdin?: string): Promise<Ran> =>
  runCommand(args, { databaseUrl: url, ...(stdin !== undefined && { stdin }) })

async function fill(): Promise<void> {
  async function* items() {
    for (const [index, value] of [...people, ...others].entries()) yield { line: index + 1, value }
  }
  const { imports } = createTransfer(registry)
  const { refused } = await imports.run(operator, items())
  expect(refused).toEqual([])
}

describe('foyer export', () => {
  it('gives lines that make the same of a fresh installation, byte by byte', async () => {
    await fill()
    const url = urlOf(registry)
    const given = await command(url, ['export', '--include-secrets'])
    expect(given.code).toBe(0)
    expect(given.stderr).toContain('hashes included')
    expect(given.stdout.trimEnd().split('\n')).toHaveLength(people.length + others.length + 1)

    const taken = await command(fresh.url, ['import', '-', '--json'], given.stdout)
    expect(JSON.parse(taken.stdout)).toMatchObject({ unchanged: 0, refused: [] })
    const again = await command(fresh.url, ['export', '--include-secrets'])
    expect(again.stdout === given.stdout).toBe(true)

    // And into where it came from: everything is there
    const back = await command(url, ['import', '-', '--json'], given.stdout)
    expect(JSON.parse(back.stdout)).toMatchObject({ created: 0, refused: [] })
  })

  it('takes the demo, the APIs of a running installation included, into an empty one and out again', async () => {
    const app = await startApp()
    const empty = await createTestDatabase()
    try {
      const { exports } = createTransfer(app.services)
      let given = ''
      for await (const lines of exports.run(operator, { secrets: true })) given += lines
      expect(given).toContain(`{"type":"api","identifier":"${app.issuer}/api/v1"`)
      expect(given).toContain('{"type":"api_client","api":"urn:demo:quests","client":"demo-machine"')
      const taken = await command(empty.url, ['import', '-', '--json'], given)
      expect(JSON.parse(taken.stdout)).toMatchObject({ unchanged: 0, refused: [] })
      expect((await command(empty.url, ['export', '--include-secrets'])).stdout).toBe(given)
    } finally {
      await app.close()
      await empty.drop()
    }
  })

  it('holds no hash unless it is asked to, and leaves out whoever is being deleted', async () => {
    const account = await registry.accounts.findByIdentifier('person-0')
    await registry.db.prisma.account.update({ where: { id: account?.id ?? '' }, data: { status: 'deleted' } })
    const { stdout, stderr } = await command(urlOf(registry), ['export'])
    expect(/password_hash|client_secret_hashes|sha256|\$2b\$/.test(stdout)).toBe(false)
    expect(stdout.includes(account?.id ?? '')).toBe(false)
    expect(stderr).toContain('without hashes')
    const facts = await registry.db.prisma.auditEvent.findMany({
      where: { type: 'instance.exported' },
      orderBy: { at: 'asc' },
    })
    expect(facts.map(({ details }) => details)).toEqual([{ secrets: true }, { secrets: false }])
  })
})

const urlOf = ({ connection: { database, host } }: Registry): string =>
  `postgres://postgres@localhost/${database}?host=${encodeURIComponent(String(host))}`
