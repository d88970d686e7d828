import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { demoPeople, seedDemo } from '../../prisma/seed.ts'
import { managementScopes } from '../../src/features/clients/first-party.ts'
import { hashSecret } from '../../src/kernel/secrets.ts'
import { createRegistry, operator, type Registry } from '../support/registry.ts'

let registry: Registry
beforeAll(async () => {
  registry = await createRegistry()
})
afterAll(() => registry.drop())

const issuer = 'http://localhost:3000'
const seed = (playgroundOrigin: string | undefined = 'http://localhost:3001') =>
  seedDemo({ ...registry, issuer, playgroundOrigin })
const client = (id: string) => registry.clientStore.findForProtocol(id, registry.clock.now())

describe('the demo', () => {
  it('holds the people, the team and the clients that the contract names', async () => {
    await seed()
    const { data } = await registry.accounts.list()
    expect(data.map(({ email, roles, emailVerifiedAt }) => [email, roles, emailVerifiedAt !== null])).toEqual(
      [
        ['ada@example.test', [], true],
        ['grace@example.test', [], true],
        ['admin@example.test', ['admin'], true],
      ],
    )
    const teams = await Promise.all(data.map(({ id }) => registry.teams.membershipsOf(id)))
    expect(teams.map((each) => each.map(({ slug, role }) => [slug, role]))).toEqual([
      [['acme', 'owner']],
      [['acme', 'member']],
      [],
    ])
    const { data: clients } = await registry.clients.list()
    expect(clients.map(({ id }) => id)).toEqual([
      ...['demo-device', 'demo-machine', 'demo-native', 'demo-spa', 'demo-third-party', 'demo-web'],
    ])
  })

  it('calls ada by a user name, which is the claim as well', async () => {
    const ada = await registry.accounts.findByIdentifier('ada')
    expect(ada).toMatchObject({ email: 'ada@example.test', username: 'ada' })
    expect(ada?.profile).not.toHaveProperty('preferred_username')
  })

  it.each([
    ['demo-web', true, ['http://localhost:3001/callback'], 'client_secret_basic'],
    ['demo-spa', true, ['http://localhost:3001/spa/callback'], 'none'],
    ['demo-native', true, ['http://127.0.0.1/callback'], 'none'],
    ['demo-machine', false, [], 'client_secret_basic'],
    ['demo-device', false, [], 'none'],
    ['demo-third-party', false, ['http://localhost:3001/third-party/callback'], 'client_secret_basic'],
  ])('registers %s', async (id, firstParty, redirectUris, method) => {
    const found = await client(id)
    expect(found).toMatchObject({
      first_party: firstParty,
      metadata: { redirect_uris: redirectUris, token_endpoint_auth_method: method },
    })
    const secrets = method === 'none' ? [] : [hashSecret(`${id}-secret`).toString('hex')]
    expect(found?.secrets.map(({ hash }) => hash.toString('hex'))).toEqual(secrets)
  })

  it('lets demo-machine, and nobody else, ask for the management API, its default', async () => {
    const management = `${issuer}/api/v1`
    expect(await client('demo-machine')).toMatchObject({
      default_resource: management,
      apis: [
        { identifier: management, scopes: managementScopes, serves: true },
        { identifier: 'urn:demo:quests', scopes: ['quests:read'], serves: true },
      ],
    })
    expect((await client('demo-web'))?.apis.map(({ identifier, serves }) => [identifier, serves])).toEqual([
      ['urn:demo:quests', false],
    ])
  })

  it('changes nothing when it is there already', async () => {
    const facts = await registry.db.prisma.auditEvent.count()
    await seed()
    expect(await registry.db.prisma.auditEvent.count()).toBe(facts)
  })

  it('adds the redirect URIs of a playground that has moved and keeps those everybody knows', async () => {
    await seed('http://localhost:4001')
    expect((await client('demo-web'))?.metadata).toMatchObject({
      redirect_uris: ['http://localhost:3001/callback', 'http://localhost:4001/callback'],
      post_logout_redirect_uris: ['http://localhost:3001/', 'http://localhost:4001/'],
    })
    expect((await client('demo-spa'))?.metadata.allowed_cors_origins).toEqual([
      'http://localhost:3001',
      'http://localhost:4001',
    ])
    await seed(undefined)
    expect((await client('demo-web'))?.metadata.redirect_uris).toEqual(['http://localhost:3001/callback'])
  })

  it('leaves people as somebody has changed them', async () => {
    const ada = await registry.accounts.findByIdentifier('ada@example.test')
    await registry.accounts.setPassword(operator, ada?.id ?? '', 'a-password-of-my-own')
    await registry.accounts.disable(operator, ada?.id ?? '')
    await seed()
    expect(await registry.accounts.get(ada?.id ?? '')).toMatchObject({ status: 'disabled', securityEpoch: 2 })
  })

  it('has the passwords that the contract tells', () => {
    expect(demoPeople.map(({ password }) => password)).toEqual([
      'analytical-engine-1843',
      'nanoseconds-per-foot-11',
      'difference-engine-1822',
    ])
  })
})
