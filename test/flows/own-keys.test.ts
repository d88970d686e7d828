// Signing keys that an operator brings along.
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { calculateJwkThumbprint, createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import { afterEach, describe, expect, it } from 'vitest'
import { runCli } from '../../src/cli/program.ts'
import type { CliEnvironment } from '../../src/cli/services.ts'
import { loadConfig } from '../../src/config/load.ts'
import { startApp, type TestApp, type TestAppOptions, testHooks } from '../support/app.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { createRp, demoMachine } from '../support/rp.ts'

const apps: TestApp[] = []
afterEach(async () => {
  for (const app of apps.splice(0).reverse()) await app.close()
})
async function start(options: TestAppOptions = {}): Promise<TestApp> {
  const app = await startApp({ ...options, env: { ...testHooks, ...options.env } })
  apps.push(app)
  return app
}

const pemOf = ({ privateKey }: { privateKey: KeyObject }) =>
  privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
const p256 = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })
const kidOf = ({ publicKey }: { publicKey: KeyObject }) =>
  calculateJwkThumbprint(publicKey.export({ format: 'jwk' }) as Parameters<typeof calculateJwkThumbprint>[0])

/** Signed with ES256. */
async function quest({ issuer }: TestApp): Promise<string> {
  const params = { grant_type: 'client_credentials', resource: 'urn:demo:quests', scope: 'quests:read' }
  return (await createRp(issuer, demoMachine).post('/oauth2/token', params)).body.access_token
}
const signerOf = async (app: TestApp) => String(decodeProtectedHeader(await quest(app)).kid)

async function statesOf(app: TestApp): Promise<Record<string, string>> {
  const keys = await app.services.keyRotation.list()
  return Object.fromEntries(keys.map(({ kid, alg, state }) => [kid, `${alg} ${state}`]))
}

/** `foyer key …` beside the running product. */
async function cli({ services }: TestApp, args: readonly string[], pem = '') {
  const said: string[] = []
  const { keyRotation, keyImport, db } = services
  const environment = {
    readConfig: () => loadConfig({}, '/nowhere'),
    openServices: async () => ({
      keys: { ...keyRotation, ...keyImport },
      unhurried: db.unhurried,
      close: async () => undefined,
    }),
    readFile: async () => pem,
    readStdin: async () => pem,
    writeOut: (text: string) => said.push(text),
    writeError: (text: string) => said.push(text),
  }
  const code = await runCli(['key', ...args], environment as unknown as CliEnvironment)
  return { code, said: said.join('') }
}

describe('foyer key import', () => {
  it('publishes a key as the next one, which a rotation lets sign', async () => {
    const [app, own] = [await start(), p256()]
    const kid = await kidOf(own)
    expect(await cli(app, ['import', 'own.pem'], pemOf(own))).toMatchObject({ code: 0 })
    expect((await statesOf(app))[kid]).toBe('ES256 next')
    expect(Object.values(await statesOf(app)).filter((state) => state === 'ES256 next')).toHaveLength(1)
    const early = await cli(app, ['rotate', '--alg', 'ES256'])
    expect(early).toMatchObject({
      code: 1,
      said: expect.stringMatching(/^The next ES256 key has to be published/),
    })

    await app.advance(301)
    expect(await cli(app, ['rotate', '--alg', 'ES256'])).toMatchObject({ code: 0 })
    await expect.poll(() => signerOf(app)).toBe(kid)
    const { payload } = await jwtVerify(
      await quest(app),
      createRemoteJWKSet(new URL(`${app.issuer}/oauth2/jwks`)),
    )
    expect(payload.client_id).toBe('demo-machine')
    expect(await app.auditTypes()).toContain('key.imported')
  })

  it('lets it sign at once when told to, and the key before it goes on verifying', async () => {
    const [app, own] = [await start(), p256()]
    const [kid, before] = [await kidOf(own), await quest(app)]
    expect(await cli(app, ['import', '-', '--active'], pemOf(own))).toMatchObject({ code: 0 })
    await expect.poll(() => signerOf(app)).toBe(kid)
    const { body } = await createRp(app.issuer, demoMachine).introspect(before)
    expect(body.active).toBe(true)
  })

  it('takes an RSA key for PS256 too, where nothing signs with it yet', async () => {
    const [app, own] = [await start(), generateKeyPairSync('rsa', { modulusLength: 2048 })]
    expect(await cli(app, ['import', 'own.pem', '--alg', 'PS256'], pemOf(own))).toMatchObject({ code: 0 })
    expect((await statesOf(app))[await kidOf(own)]).toBe('PS256 active')
  })

  it('refuses weak keys, others than were asked for, and those that were here before', async () => {
    const [app, own] = [await start(), p256()]
    const weak = pemOf(generateKeyPairSync('rsa', { modulusLength: 1024 }))
    expect((await cli(app, ['import', 'x'], weak)).said).toContain('The key has 1024 bits')
    const other = await cli(app, ['import', 'x', '--alg', 'RS256'], pemOf(own))
    expect(other).toEqual({ code: 1, said: 'The key makes ES256 and not RS256.\n' })

    await cli(app, ['import', 'x', '--active'], pemOf(own))
    await app.advance(301)
    await cli(app, ['rotate', '--emergency'])
    expect((await statesOf(app))[await kidOf(own)]).toBeUndefined()
    expect(await cli(app, ['import', 'x'], pemOf(own))).toEqual({
      code: 1,
      said: 'This key has been here before, and a key does not come back.\n',
    })
  })

  it('brings a key that no schedule replaces', async () => {
    const [app, own] = [await start(), p256()]
    await cli(app, ['import', 'x', '--active'], pemOf(own))
    await app.advance(100 * 86_400)
    const { rotated } = await app.services.keyRotation.keepSchedule()
    expect(rotated).toHaveLength(2)
    expect((await statesOf(app))[await kidOf(own)]).toBe('ES256 active')
  })
})

describe('FOYER_SIGNING_KEY', () => {
  it('signs from the first start on, and at each further one', async () => {
    const own = p256()
    const database = await createTestDatabase()
    const options = { databaseUrl: database.url, env: { FOYER_SIGNING_KEY: pemOf(own) } }
    const first = await start(options)
    expect(await signerOf(first)).toBe(await kidOf(own))
    const second = await start(options)
    expect(await signerOf(second)).toBe(await kidOf(own))
    expect(await statesOf(second)).toEqual(await statesOf(first))
    for (const app of apps.splice(0).reverse()) await app.close()
    await database.drop()
  })

  it('is published as the next key where others sign already', async () => {
    const own = p256()
    const database = await createTestDatabase()
    const before = await start({ databaseUrl: database.url })
    const app = await start({ databaseUrl: database.url, env: { FOYER_SIGNING_KEY: pemOf(own) } })
    expect((await statesOf(app))[await kidOf(own)]).toBe('ES256 next')
    const jwks = async () => (await fetch(`${before.issuer}/oauth2/jwks`)).text()
    await expect.poll(jwks).toContain(await kidOf(own))
    for (const each of apps.splice(0).reverse()) await each.close()
    await database.drop()
  })
})
