// Rotation of signing keys while two processes serve: apps that cache the JWKS notice nothing, and of many rotations at
// one moment one happens.
import { createRemoteJWKSet, customFetch, decodeProtectedHeader, jwtVerify } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { testHooks } from '../support/app.ts'
import { allAtOnce, type Door, tally } from '../support/barrier.ts'
import { all } from '../support/management.ts'
import { racePair } from '../support/race-apps.ts'
import { basic, demoMachine } from '../support/rp.ts'

const pair = racePair({ env: testHooks })
beforeAll(() => void vi.useFakeTimers({ toFake: ['Date'] }))
afterEach(() => advance(600))
afterAll(() => void vi.useRealTimers())

const headers = { authorization: basic(demoMachine.client_id, demoMachine.client_secret) }

/** Time passes here and in both processes. */
async function advance(seconds: number): Promise<void> {
  await pair().doors[0].ask({ path: '/dev/clock', json: { advance_seconds: seconds } })
  vi.setSystemTime(Date.now() + seconds * 1000)
}

async function tokenFrom(door: Door, form: Record<string, string>): Promise<string> {
  const { body, text } = await door.ask({
    path: '/oauth2/token',
    form: { grant_type: 'client_credentials', ...form },
    headers,
  })
  if (!body.access_token) throw new Error(text)
  return body.access_token
}
const quest = (door: Door) => tokenFrom(door, { resource: 'urn:demo:quests', scope: 'quests:read' })
const kidOf = (token: string) => String(decodeProtectedHeader(token).kid)

const isActive = async (door: Door, token: string) =>
  (await door.ask({ path: '/oauth2/introspect', form: { token }, headers })).body.active

async function rotate(by: Door) {
  const authorization = `Bearer ${await tokenFrom(by, { scope: all })}`
  return (door: Door, json: object) =>
    door.ask({ path: '/api/v1/keys/rotate', json, headers: { authorization } })
}

const patience = { timeout: 60_000 }

/** An app that verifies as jose does by default: the JWKS is kept, and read again for a key that is not in it. */
function createApp(door: Door) {
  const keys = createRemoteJWKSet(new URL('/oauth2/jwks', pair().issuer), {
    [customFetch]: async (url) => new Response((await door.ask({ path: new URL(url).pathname })).text),
  })
  return (token: string) => jwtVerify(token, keys, { typ: 'at+jwt' })
}

describe('three rotations under load', () => {
  it('let no verification fail at two apps that cache the JWKS, whichever process signed', async () => {
    const apps = pair().doors.map(createApp)
    const kept: string[] = []
    const failures: unknown[] = []
    let verified = 0
    let done = false

    async function work(door: Door): Promise<void> {
      while (!done) {
        try {
          const token = await quest(door)
          kept.push(token)
          for (const verify of apps) {
            await verify(token)
            verified += 1
          }
        } catch (error) {
          failures.push(error)
        }
      }
    }
    const load = [...pair().doors, ...pair().doors].map(work)
    const eras: string[] = []
    const newest = () => new Set(kept.slice(-12).map(kidOf))
    for (const [turn, door] of [pair().doors[0], pair().doors[1], pair().doors[0]].entries()) {
      if (turn > 0) await advance(301)
      const [atLeast, before] = [kept.length + 40, newest()]
      await vi.waitFor(() => expect(kept.length).toBeGreaterThan(atLeast), patience)
      // Whoever is slow still brings a token of the era before
      const over = eras.map(kidOf)
      eras.push(kept.findLast((token) => !over.includes(kidOf(token))) ?? '')
      expect((await (await rotate(door))(door, {})).status).toBe(200)
      await vi.waitFor(() => expect([...newest()].filter((kid) => before.has(kid))).toEqual([]), patience)
    }
    done = true
    await Promise.all(load)
    expect(failures).toEqual([])
    expect(verified).toBeGreaterThan(200)
    // What each of the former keys signed is still good
    expect(new Set(eras.map(kidOf)).size).toBe(3)
    for (const [turn, token] of eras.entries()) {
      for (const verify of apps) expect((await verify(token)).payload.client_id).toBe('demo-machine')
      expect(await isActive(turn % 2 === 0 ? pair().doors[1] : pair().doors[0], token)).toBe(true)
    }
  })
})

describe('fifty rotations at one moment', () => {
  it('are one', async () => {
    const countKeys = () => pair().database.db.prisma.signingKey.count({ where: { alg: 'ES256' } })
    const before = await countKeys()
    const ask = await rotate(pair().doors[0])
    const answers = await allAtOnce(pair().doors, 50, (door) => ask(door, { alg: 'ES256' }))
    expect(tally(answers)).toBe('1 × 200, 49 × 409')
    expect(await countKeys()).toBe(before + 1)
  })
})

describe('an emergency at one process', () => {
  it('ends what the key signed at the other', async () => {
    const token = await quest(pair().doors[1])
    expect(await isActive(pair().doors[1], token)).toBe(true)
    expect((await (await rotate(pair().doors[0]))(pair().doors[0], { emergency: true })).status).toBe(200)
    for (const door of pair().doors) await expect.poll(() => isActive(door, token)).toBe(false)
    expect(kidOf(await quest(pair().doors[1]))).not.toBe(kidOf(token))
  })
})
