import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ClientMetadata } from '../../src/features/clients/schema.ts'
import { clientsChannel } from '../../src/features/clients/store.ts'
import { hashSecret } from '../../src/kernel/secrets.ts'
import { days, hours, minutes } from '../../src/kernel/time.ts'
import { createRegistry, operator, type Registry } from '../support/registry.ts'

let registry: Registry
beforeAll(async () => {
  registry = await createRegistry({ poolSize: 10 })
})
afterAll(() => registry.drop())

const shop = (more: object = {}) =>
  ClientMetadata.parse({ client_name: 'Shop', redirect_uris: ['https://shop.example/callback'], ...more })
const machine = () => ClientMetadata.parse({ grant_types: ['client_credentials'] })
const create = (metadata = shop()) => registry.clients.create(operator, metadata)
const forProtocol = (id: string) => registry.clientStore.findForProtocol(id, registry.clock.now())
const liveHashes = async (id: string) =>
  (await forProtocol(id))?.secrets.map(({ hash }) => hash.toString('hex')) ?? []
const hexOf = (secret: string | undefined) => hashSecret(secret ?? '').toString('hex')

/** What is told on the channel of the caches while the work is done. */
async function heard(work: () => Promise<unknown>): Promise<string[]> {
  const told: string[] = []
  const listener = new pg.Client(registry.connection)
  await listener.connect()
  listener.on('notification', ({ payload }) => told.push(payload ?? ''))
  await listener.query(`LISTEN ${clientsChannel}`)
  await work()
  await listener.query('SELECT 1')
  await listener.end()
  return told
}

describe('clients', () => {
  it('come with an id and a secret that is stored nowhere', async () => {
    const client = await create()
    expect(client.secret).toMatch(/^foyer_cs_[A-Za-z0-9_-]{43}$/)
    expect(client.metadata).toEqual(shop())
    expect(await liveHashes(client.id)).toEqual([hexOf(client.secret)])

    const tables = [
      await registry.db.prisma.client.findMany(),
      await registry.db.prisma.auditEvent.findMany(),
      (await registry.db.prisma.clientSecret.findMany()).map(({ hash }) => Buffer.from(hash).toString()),
    ]
    expect(JSON.stringify(tables)).not.toContain(client.secret)
    expect(await registry.auditTypes()).toContain('client.created')
  })

  it('have no secret when they are public', async () => {
    const client = await create(shop({ token_endpoint_auth_method: 'none' }))
    expect(client.secret).toBeUndefined()
    expect(await liveHashes(client.id)).toEqual([])
  })

  it('are read for a request in one prepared round trip', async () => {
    const { id } = await create(
      shop({ first_party: true, refresh_grace_seconds: 0, default_resource: 'urn:x' }),
    )
    registry.statements.length = 0
    expect(await forProtocol(id)).toMatchObject({
      id,
      enabled: true,
      first_party: true,
      refresh_grace_seconds: 0,
      default_resource: 'urn:x',
      metadata: { client_name: 'Shop', require_pkce: true },
      secrets: [{ hash: expect.any(Buffer), expires_at: null }],
    })
    expect(registry.statements).toEqual(['client_for_protocol'])
  })

  it.each(['', 'nobody', "' OR 1=1 --", 'a'.repeat(10_000)])('are not found as %j', async (id) => {
    expect(await forProtocol(id)).toBeNull()
    expect(await registry.clientStore.findApi(id)).toBeNull()
    await expect(registry.clients.get(id)).rejects.toMatchObject({ code: 'client_not_found' })
  })

  it('are changed as a whole', async () => {
    const { id, createdAt } = await create(shop({ tos_uri: 'https://shop.example/terms' }))
    const changed = await registry.clients.update(operator, id, {
      metadata: shop({ client_name: 'Store', first_party: true }),
    })
    expect(changed).toMatchObject({ id, createdAt, metadata: { client_name: 'Store', first_party: true } })
    expect(changed.metadata).not.toHaveProperty('tos_uri')
    expect(await registry.clients.get(id)).toEqual(changed)
  })

  it('do not become confidential, since nobody would know their secret', async () => {
    const { id } = await create(shop({ token_endpoint_auth_method: 'none' }))
    await expect(registry.clients.update(operator, id, { metadata: shop() })).rejects.toMatchObject({
      kind: 'invalid',
      details: { errors: [{ pointer: '/token_endpoint_auth_method' }] },
    })
  })

  it('are removed with their secrets and with what people granted them', async () => {
    const [one, other] = [await create(), await create()]
    const now = registry.clock.now()
    const times = { createdAt: now, expiresAt: new Date(now.getTime() + days(1)) }
    const accountId = '0199d0a0-0000-7000-8000-000000000001'
    for (const { id } of [one, other]) {
      await registry.db.prisma.grant.create({ data: { id, clientId: id, accountId, payload: {}, ...times } })
    }
    await registry.clients.remove(operator, one.id)
    expect(await forProtocol(one.id)).toBeNull()
    expect(await registry.db.prisma.clientSecret.count({ where: { clientId: one.id } })).toBe(0)
    expect(await registry.db.prisma.grant.findMany({ select: { id: true } })).toEqual([{ id: other.id }])
    await expect(registry.clients.remove(operator, one.id)).rejects.toMatchObject({
      code: 'client_not_found',
    })
  })

  it('are told to the caches when they change, and not when a change is refused', async () => {
    const told = await heard(async () => {
      const { id } = await create()
      await registry.clients.update(operator, id, { metadata: shop({ client_name: 'Store' }) })
      await registry.clients.rotateSecret(operator, id)
      await registry.clients.remove(operator, id)
      await registry.clients.remove(operator, id).catch(() => undefined)
    })
    expect(told).toHaveLength(4)
    expect(new Set(told).size).toBe(1)
  })

  it('are listed page by page, each once', async () => {
    for (let index = 0; index < 4; index += 1) await create()
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await registry.clients.list({ cursor, limit: 3 })
      seen.push(...page.data.map(({ id }) => id))
      cursor = page.nextCursor ?? undefined
    } while (cursor)
    expect(new Set(seen).size).toBe(await registry.db.prisma.client.count())
  })
})

describe('a rotated secret', () => {
  it('leaves the one before it alive for a day', async () => {
    const { id, secret } = await create()
    const rotated = await registry.clients.rotateSecret(operator, id)
    expect(rotated.secret).not.toBe(secret)
    expect((await liveHashes(id)).sort()).toEqual([hexOf(secret), hexOf(rotated.secret)].sort())

    registry.clock.setOffset(hours(24) - minutes(1))
    expect(await liveHashes(id)).toHaveLength(2)
    registry.clock.setOffset(hours(24))
    expect(await liveHashes(id)).toEqual([hexOf(rotated.secret)])
    registry.clock.setOffset(0)
  })

  it('tells caches until when the one before it counts', async () => {
    const { id } = await create()
    const { oldExpiresAt } = await registry.clients.rotateSecret(operator, id)
    const ends = (await forProtocol(id))?.secrets.map(({ expires_at }) => expires_at?.getTime())
    expect(ends).toEqual([undefined, oldExpiresAt.getTime()])
  })

  it('ends the oldest of three at once', async () => {
    const { id, secret } = await create()
    const second = await registry.clients.rotateSecret(operator, id)
    const third = await registry.clients.rotateSecret(operator, id)
    expect((await liveHashes(id)).sort()).toEqual([hexOf(second.secret), hexOf(third.secret)].sort())
    expect(await liveHashes(id)).not.toContain(hexOf(secret))
  })

  it('is one of two when ten are made at once', async () => {
    const { id } = await create()
    await Promise.all(Array.from({ length: 10 }, () => registry.clients.rotateSecret(operator, id)))
    expect(await registry.db.prisma.clientSecret.count({ where: { clientId: id } })).toBe(2)
  })

  it('is refused to clients without one', async () => {
    const { id } = await create(shop({ token_endpoint_auth_method: 'none' }))
    await expect(registry.clients.rotateSecret(operator, id)).rejects.toMatchObject({ kind: 'invalid' })
    await expect(registry.clients.rotateSecret(operator, 'nobody')).rejects.toMatchObject({
      kind: 'not_found',
    })
  })
})

describe('APIs', () => {
  const quests = {
    identifier: 'urn:test:quests',
    name: 'Quests',
    scopes: ['quests:read', 'quests:write'],
    openToAll: true,
  }
  const vault = {
    identifier: 'urn:test:vault',
    name: 'Vault',
    scopes: ['vault:read', 'vault:write'],
    openToAll: false,
  }
  const apisOf = async (id: string) =>
    Object.fromEntries((await forProtocol(id))?.apis.map(({ identifier, ...api }) => [identifier, api]) ?? [])

  beforeAll(async () => {
    await registry.clients.saveApi(quests)
    await registry.clients.saveApi(vault)
  })

  it('are found by their identifier', async () => {
    expect(await registry.clientStore.findApi(vault.identifier)).toEqual(vault)
  })

  it('give every client all scopes when they are open, and nothing when they are not', async () => {
    const { id } = await create(machine())
    expect(await apisOf(id)).toEqual({
      [quests.identifier]: { name: 'Quests', scopes: quests.scopes, serves: false, wantsPermissions: false },
    })
  })

  it('give a client that is listed what its entry says', async () => {
    const { id } = await create(machine())
    await registry.clients.allowApi(id, {
      identifier: vault.identifier,
      scopes: ['vault:read'],
      serves: false,
    })
    await registry.clients.allowApi(id, {
      identifier: quests.identifier,
      scopes: ['quests:read'],
      serves: true,
    })
    await registry.clients.saveApi({ ...quests, wantsPermissions: true })
    expect(await apisOf(id)).toEqual({
      [vault.identifier]: { name: 'Vault', scopes: ['vault:read'], serves: false, wantsPermissions: false },
      [quests.identifier]: {
        name: 'Quests',
        scopes: ['quests:read'],
        serves: true,
        wantsPermissions: true,
      },
    })
  })

  it('may be served by a client that asks for nothing there', async () => {
    const { id } = await create(machine())
    await registry.clients.allowApi(id, { identifier: vault.identifier, scopes: [], serves: true })
    expect(await apisOf(id)).toMatchObject({ [vault.identifier]: { scopes: [], serves: true } })
  })

  it('are told to every cache when they change', async () => {
    expect(await heard(() => registry.clients.saveApi(quests))).toEqual(['*'])
  })
})
