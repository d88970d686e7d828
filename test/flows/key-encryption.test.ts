// Another key-encryption key takes the place of the one before, while people go on with what they had begun.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { sealedColumns } from '../../src/keys.ts'
import { createSealer } from '../../src/platform/sealer.ts'
import { openServices, type Services } from '../../src/services.ts'
import { createPerson, type Page, type Person } from '../support/browser-less.ts'
import { createDoor } from '../support/door.ts'
import { all, createManagement } from '../support/management.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { type Product, startProduct } from '../support/process.ts'
import { ada, createRp, type Rp } from '../support/rp.ts'
import { allRows } from '../support/tables.ts'

const [before, after] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
const keyBefore = { FOYER_KEY_ENCRYPTION_KEY: before.toString('base64') }
const keyAfter = { FOYER_KEY_ENCRYPTION_KEY: after.toString('base64') }
const bothKeys = { ...keyAfter, FOYER_KEY_ENCRYPTION_KEY_OLD: before.toString('base64') }
/** Mails stay where they are. */
const noWorker = { FOYER_WORKER: 'none' }
const operator = { kind: 'operator' } as const

let database: TestDatabase
let product: Product | undefined
let rp: Rp
let person: Person
beforeAll(async () => {
  database = await createTestDatabase()
  await start(keyBefore)
  rp = createRp(product?.issuer ?? '')
  person = (await rp.tokens()).person
  // The product may have to be built first
}, 180_000)
afterAll(async () => {
  await product?.stop()
  await database.drop()
})

async function start(env: Record<string, string>): Promise<void> {
  const port = product?.port
  await product?.stop()
  product = undefined
  product = await startProduct({
    databaseUrl: database.url,
    env: { ...noWorker, ...env },
    ...(port !== undefined && { port }),
  })
}

async function withServices<T>(
  env: Record<string, string>,
  work: (services: Services) => Promise<T>,
): Promise<T> {
  const config = loadConfig({ DATABASE_URL: database.url, LOG_LEVEL: 'silent', ...env }, process.cwd())
  const services = await openServices(config, { role: 'guest' })
  try {
    return await work(services)
  } finally {
    await services.close()
  }
}

function cli(args: readonly string[], env: Record<string, string>) {
  const root = join(import.meta.dirname, '..', '..')
  const { PATH, HOME } = process.env
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'dist/src/cli/main.js'), ...args],
    {
      cwd: root,
      env: { PATH, HOME, DATABASE_URL: database.url, ...env },
      encoding: 'utf8',
    },
  )
  return { status, stdout, stderr }
}

/** Everything in the database that begins as what this key sealed, by table. */
async function sealedUnder(key: Buffer): Promise<string[]> {
  const { mark } = createSealer({ key })
  const found: string[] = []
  for (const [table, rows] of Object.entries(await allRows(database.db))) {
    for (const value of rows.flatMap((row) => Object.values(row))) {
      const payload = (value as { sealed?: unknown } | null)?.sealed
      const bytes = typeof payload === 'string' ? Buffer.from(payload, 'base64') : value
      if (Buffer.isBuffer(bytes) && bytes.subarray(0, mark.length).equals(mark)) found.push(table)
    }
  }
  return found
}

/** A client that is told when the person has decided (CIBA Core 1.0 §7). */
async function bellThatAsks(
  api: ReturnType<typeof createManagement>,
  as: string,
): Promise<{ id: string; secret: string }> {
  const json = {
    client_name: 'Bell',
    grant_types: ['urn:openid:params:grant-type:ciba'],
    backchannel_token_delivery_mode: 'ping',
    backchannel_client_notification_endpoint: 'https://bell.example/ping',
  }
  const { status, body } = await api.ask('POST', '/clients', { as, json })
  expect(status, JSON.stringify(body)).toBe(201)
  return { id: String(body.client_id), secret: String(body.client_secret) }
}

async function askSomebodyElsewhere({ id, secret }: { id: string; secret: string }): Promise<void> {
  const { status } = await createRp(product?.issuer ?? '', {
    client_id: id,
    client_secret: secret,
    redirect_uri: '',
  }).post('/oauth2/ciba', {
    scope: 'openid',
    login_hint: ada.email,
    client_notification_token: 'a-notification-token-of-chance',
  })
  expect(status).toBe(200)
}

const isSignedIn = async () => {
  const went = await person.go(rp.authorizeUrl({ prompt: 'none', scope: 'openid' }).url)
  return 'left' in went && went.left.searchParams.has('code')
}

describe('another key-encryption key', () => {
  let open: { page: Page; person: Person }
  let joinCode = ''
  let teamId = ''
  const readCodes = (env: Record<string, string>) =>
    withServices(env, async ({ joinCodes }) => (await joinCodes.list(operator, { teamId })).data)

  it('opens, beside the one before, all that was sealed', async () => {
    const issuer = product?.issuer ?? ''
    const somebody = createPerson()
    open = { page: (await somebody.go(rp.authorizeUrl().url)) as Page, person: somebody }
    await createDoor(issuer).post('/auth/passwordless/start', { email: 'new@example.test', method: 'code' })
    const api = createManagement(issuer)
    const as = await api.machineToken(all)
    await api.ask('POST', '/users', {
      as,
      json: { email: 'x@example.test' },
      headers: { 'idempotency-key': '1' },
    })
    const hook = { url: 'https://receiver.example/hook', events: ['team.deleted'] }
    const { id: webhook } = (await api.ask('POST', '/webhooks', { as, json: hook })).body
    expect((await api.ask('POST', `/webhooks/${webhook}/rotate-secret`, { as })).status).toBe(201)
    const upstream = {
      issuer: 'https://accounts.example',
      client_id: 'foyer',
      client_secret: 'theirs-to-know',
    }
    expect(
      (await api.ask('POST', '/upstreams', { as, json: { name: 'Elsewhere', ...upstream } })).status,
    ).toBe(201)
    await askSomebodyElsewhere(await bellThatAsks(api, as))
    await withServices(keyBefore, async ({ teams, members, accounts, joinCodes, clock }) => {
      teamId = (await teams.create(operator, { slug: 'keyed', name: 'Keyed' })).id
      const { id } = await accounts.create(operator, { email: 'owner@example.test' })
      await members.add(operator, { teamId, accountId: id, role: 'owner' })
      const expiresAt = new Date(clock.millis() + 3_600_000)
      joinCode = (await joinCodes.create({ kind: 'account', id }, { teamId, maxUses: 2, expiresAt })).code
    })

    await start(bothKeys)
    expect(await isSignedIn()).toBe(true)
    const there = await open.person.submit(open.page, { email: ada.email })
    expect('left' in there ? '' : there.html).toContain('name="password"')
    open = { ...open, page: there as Page }
  })

  it('meets every column that holds something sealed', async () => {
    const named = await database.db.query<{ name: string }>({
      text: `SELECT table_name || '.' || column_name AS name FROM information_schema.columns
        WHERE table_schema = 'public' AND data_type = 'bytea' AND (column_name LIKE '%sealed%' OR column_name LIKE '%root%')`,
      values: [],
    })
    const known = sealedColumns.map(({ table, column }) => `${table}.${column}`)
    expect(named.map(({ name }) => name).sort()).toEqual(known.sort())
    const held = new Set(await sealedUnder(before))
    const jobs = 'graphile_worker._private_jobs'
    const tables = new Set(sealedColumns.map(({ table }) => `public.${table}`))
    expect([...held].sort()).toEqual([...tables, jobs].sort())
  })

  it('seals everything anew on command, beside the running product', async () => {
    const { status, stdout, stderr } = cli(['key', 'reseal', '--json'], bothKeys)
    expect(stderr).toContain('FOYER_KEY_ENCRYPTION_KEY_OLD can go')
    expect(status).toBe(0)
    const places: { place: string; resealed: number; left: number }[] = JSON.parse(stdout)
    expect(places.map(({ place, left }) => [place, left])).toEqual(places.map(({ place }) => [place, 0]))
    expect(places.filter(({ resealed }) => resealed === 0)).toEqual([])
    expect(await sealedUnder(before)).toEqual([])
    expect(JSON.parse(cli(['key', 'reseal', '--json'], bothKeys).stdout)).toEqual(
      places.map(({ place }) => ({ place, resealed: 0, left: 0 })),
    )
  })

  it('needs the one before no more', async () => {
    await start({ ...keyAfter, FOYER_WORKER: 'inside' })
    expect(await isSignedIn()).toBe(true)
    const went = await open.person.submit(open.page, { password: ada.password })
    expect('left' in went && went.left.searchParams.has('code')).toBe(true)
    expect((await readCodes(keyAfter)).map(({ code }) => code)).toEqual([joinCode])
    const mails = async () => (await fetch(`${product?.issuer}/dev/mail.json`)).text()
    await expect.poll(mails).toContain('new@example.test')
  })

  it('leaves nothing that the one before opens', async () => {
    await expect(start(keyBefore)).rejects.toThrow('was sealed under another FOYER_KEY_ENCRYPTION_KEY')
    const { status, stderr } = cli(['key', 'list'], keyBefore)
    expect([status, stderr]).toEqual([1, expect.stringContaining('bring that key back')])
  })

  it('that opens nothing leaves everything as it is, and says so', async () => {
    const stranger = { ...bothKeys, FOYER_KEY_ENCRYPTION_KEY: Buffer.alloc(32, 3).toString('base64') }
    expect(cli(['key', 'reseal'], stranger).status).toBe(1)
    expect((await sealedUnder(after)).length).toBeGreaterThan(8)
  })
})
