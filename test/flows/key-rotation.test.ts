// The life of signing keys, seen through the JWKS, the tokens and the management API.
import { setTimeout as sleep } from 'node:timers/promises'
import { calculateJwkThumbprint, createRemoteJWKSet, decodeProtectedHeader, type JWK, jwtVerify } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { all, createManagement } from '../support/management.ts'
import { createRp, demoMachine, type Rp } from '../support/rp.ts'

let app: TestApp
let api: ReturnType<typeof createManagement>
let machine: Rp
beforeEach(async () => {
  app = await startApp({ env: testHooks, jobs: true })
  api = createManagement(app.issuer)
  machine = createRp(app.issuer, demoMachine)
})
afterEach(() => app.close())

const day = 86_400
type Key = { kid: string; alg: string; state: string }

const jwks = async (): Promise<(JWK & { kid: string })[]> => {
  const response = await fetch(`${app.issuer}/oauth2/jwks`)
  return ((await response.json()) as { keys: (JWK & { kid: string })[] }).keys
}
const kidsOf = async (alg: string) => (await jwks()).filter((key) => key.alg === alg).map(({ kid }) => kid)

/** A token for `urn:demo:quests`, signed with ES256. */
async function quest(): Promise<string> {
  const params = { grant_type: 'client_credentials', resource: 'urn:demo:quests', scope: 'quests:read' }
  return (await machine.post('/oauth2/token', params)).body.access_token
}
const kidOf = (token: string): string => String(decodeProtectedHeader(token).kid)
const isActive = async (token: string) => (await machine.introspect(token)).body.active

async function rotate(json: object = { alg: 'ES256' }) {
  return api.ask('POST', '/keys/rotate', { as: await api.machineToken(all), json })
}
const stateOf = (keys: readonly object[], kid: string) =>
  (keys as Key[]).find((key) => key.kid === kid)?.state

/** What other processes and jobs do, they do soon. */
const patience = { timeout: 10_000 }

/** This process has heard of the change. */
const untilSignedBy = (kid: string) => expect.poll(async () => kidOf(await quest()), patience).toBe(kid)

describe('the first start', () => {
  it('publishes an active and a next key of each algorithm, named by their thumbprint', async () => {
    const keys = await jwks()
    expect(keys.map(({ alg }) => alg).sort()).toEqual(['ES256', 'ES256', 'EdDSA', 'EdDSA', 'RS256', 'RS256'])
    for (const key of keys) expect(await calculateJwkThumbprint(key)).toBe(key.kid)
    const { body } = await api.ask('GET', '/keys', { as: await api.machineToken(all) })
    const states = body.data.map(({ alg, state }) => `${alg} ${state}`)
    expect(states.sort()).toEqual([...new Set(states)])
    expect(states).toHaveLength(6)
  })
})

describe('a rotation', () => {
  it('lets the next key sign and publishes another, while the old one verifies what it signed', async () => {
    const [before, published] = [await quest(), await kidsOf('ES256')]
    const next = published.find((kid) => kid !== kidOf(before)) ?? ''
    const { status, body } = await rotate()
    expect(status).toBe(200)
    expect([stateOf(body.data, next), stateOf(body.data, kidOf(before))]).toEqual(['active', 'retained'])

    await untilSignedBy(next)
    const after = await quest()
    expect(await kidsOf('ES256')).toEqual([...published, expect.any(String)])
    const keySet = createRemoteJWKSet(new URL(`${app.issuer}/oauth2/jwks`))
    for (const token of [before, after]) {
      expect((await jwtVerify(token, keySet)).payload.client_id).toBe('demo-machine')
      expect(await isActive(token)).toBe(true)
    }
  })

  it('wipes the private part of the key that signs no more', async () => {
    const before = kidOf(await quest())
    await rotate()
    const row = await app.services.db.prisma.signingKey.findUniqueOrThrow({ where: { kid: before } })
    expect(row).toMatchObject({ state: 'retained', sealed: null, slot: null })
  })

  it('reaches every algorithm when none is named', async () => {
    const { body } = await rotate({})
    const states = (body.data as unknown as Key[]).map(({ alg, state }) => `${alg} ${state}`)
    expect(states.filter((state) => state.endsWith('retained')).sort()).toEqual([
      'ES256 retained',
      'EdDSA retained',
      'RS256 retained',
    ])
    expect(states).toHaveLength(9)
  })

  it('waits until the next key has been published as long as apps may keep the JWKS', async () => {
    expect((await rotate()).status).toBe(200)
    // Seconds may pass on a busy machine
    await app.advance(280)
    const { status, headers, body } = await rotate()
    expect([status, body.code]).toEqual([409, 'key_not_published'])
    expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(20)
    expect(body.errors?.[0]?.detail).toContain('published for 300 s')
    // Of several algorithms none is rotated when one is refused
    expect((await rotate({})).status).toBe(409)
    expect((await rotate({ alg: 'EdDSA' })).status).toBe(200)
    await app.advance(20)
    expect((await rotate()).status).toBe(200)
  })

  it('is refused to whoever has no scope for it, and for an algorithm that is not there', async () => {
    const reader = await api.machineToken('audit:read')
    expect((await api.ask('POST', '/keys/rotate', { as: reader, json: {} })).status).toBe(403)
    expect((await rotate({ alg: 'PS256' })).status).toBe(404)
    expect((await rotate({ alg: 'none' })).status).toBe(400)
    expect((await rotate({ emergency: 'yes' })).status).toBe(400)
  })

  it('is in the audit log', async () => {
    await rotate()
    const facts = (await app.auditTypes()).filter((type) => type.startsWith('key.'))
    expect(facts.sort()).toEqual(['key.created', 'key.promoted'])
  })
})

describe('a process', () => {
  it('takes up a rotation that it could not hear of', async () => {
    const before = kidOf(await quest())
    await app.services.db.query({
      text: `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'foyer listener' AND datname = current_database()`,
      values: [],
    })
    await app.services.keyRotation.rotate({ kind: 'operator' }, {})
    await expect.poll(async () => kidOf(await quest()), patience).not.toBe(before)
  })
})

describe('a process that cannot read the keys when it hears of a change', () => {
  it('takes it up a little later', async () => {
    const { pool } = app.services.db
    const [changing, locking] = [await pool.connect(), await pool.connect()]
    const [gone = ''] = await kidsOf('EdDSA')
    await changing.query('BEGIN')
    await changing.query("UPDATE signing_keys SET state = 'gone', slot = NULL WHERE kid = $1", [gone])
    await changing.query("SELECT pg_notify('foyer_signing_keys', '')")
    await locking.query('BEGIN; SET LOCAL lock_timeout = 0')
    // It has waited for the change, so it holds the table before anybody hears of that
    const locked = locking.query('LOCK TABLE signing_keys IN ACCESS EXCLUSIVE MODE')
    await sleep(200)
    await changing.query('COMMIT')
    await locked
    await sleep(1_000)
    expect(await kidsOf('EdDSA')).toContain(gone)
    await locking.query('ROLLBACK')
    for (const client of [changing, locking]) client.release()
    await expect.poll(() => kidsOf('EdDSA')).not.toContain(gone)
  })
})

describe('an emergency', () => {
  it('ends what the compromised key signed, however young the next one is', async () => {
    const active = kidOf(await quest())
    const compromised = (await kidsOf('ES256')).find((kid) => kid !== active) ?? ''
    await rotate()
    await untilSignedBy(compromised)
    const [token, apiToken] = [await quest(), await api.machineToken(all)]
    expect(await isActive(token)).toBe(true)

    expect((await rotate({ alg: 'ES256', emergency: true })).status).toBe(200)
    await expect.poll(() => kidsOf('ES256'), patience).not.toContain(compromised)
    expect(await isActive(token)).toBe(false)
    const refused = await api.ask('GET', '/keys', { as: apiToken })
    expect([refused.status, refused.body.code]).toEqual([401, 'invalid_token'])
    expect(kidOf(await quest())).not.toBe(compromised)
    expect(await app.auditTypes()).toContain('key.revoked')
  })
})

describe('the job', () => {
  const runJob = async () => {
    await app.services.queue.enqueueAlone({ task: 'sweep', payload: {} })
    await expect.poll(() => app.services.queue.countWaiting('sweep'), patience).toBe(0)
  }

  it('replaces keys that have signed for 90 days', async () => {
    const first = kidOf(await quest())
    await app.advance(89 * day)
    await runJob()
    expect(kidOf(await quest())).toBe(first)
    await app.advance(day)
    await app.services.queue.enqueueAlone({ task: 'sweep', payload: {} })
    await expect.poll(async () => (await jwks()).length, { timeout: 20_000 }).toBe(9)
    await expect.poll(async () => kidOf(await quest()), patience).not.toBe(first)
  })

  it('takes a key out of the JWKS when nothing that it signed can be alive', async () => {
    const first = kidOf(await quest())
    await rotate()
    await expect.poll(async () => (await kidsOf('ES256')).length, patience).toBe(3)
    await app.advance(30 * day)
    await runJob()
    expect(await kidsOf('ES256')).toContain(first)
    await app.advance(600)
    await app.services.queue.enqueueAlone({ task: 'sweep', payload: {} })
    await expect.poll(() => kidsOf('ES256'), patience).not.toContain(first)
    expect(await app.auditTypes()).toContain('key.retired')
  })
})
