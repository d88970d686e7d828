import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { limits, rates } from '../../src/config/limits.ts'
import {
  beginPasswordAttempt,
  giveBackPasswordStatement,
  type PasswordAttempt,
  settlePasswordStatement,
} from '../../src/features/authn/store.ts'
import { newId } from '../../src/kernel/secrets.ts'
import { after, hours, minutes, seconds } from '../../src/kernel/time.ts'
import { createLimiter, gapMs } from '../../src/platform/limiter.ts'
import { createRegistry, operator, type Registry } from '../support/registry.ts'

let registry: Registry
beforeAll(async () => {
  registry = await createRegistry({ poolSize: 20 })
})
afterAll(() => registry.drop())

const start = new Date('2026-11-01T12:00:00.000Z')
const clockTo = (milliseconds: number) => after(start, milliseconds)

/** Two hundred calls, as many at once as there are connections: none waits longer than a statement may. */
async function inWaves<T>(call: () => Promise<T>): Promise<T[]> {
  const answers: T[] = []
  for (let wave = 0; wave < 10; wave += 1) {
    answers.push(...(await Promise.all(Array.from({ length: 20 }, call))))
  }
  return answers
}

describe('a named limit', () => {
  let key = ''
  beforeEach(() => {
    key = newId(start)
  })
  const limiter = () => createLimiter({ db: registry.db })
  const setup = () => [{ name: 'setup.address', key }] as const

  it('lets exactly its burst through when two hundred arrive, twenty at once', async () => {
    const answers = await inWaves(() => limiter().take(setup(), start))
    expect(answers.filter(({ allowed }) => allowed)).toHaveLength(rates['setup.address'].burst)
  })

  it('says how long to wait, and holds to it', async () => {
    for (let attempt = 0; attempt < rates['setup.address'].burst; attempt += 1)
      await limiter().take(setup(), start)
    const gap = gapMs(rates['setup.address'])
    expect(await limiter().take(setup(), start)).toEqual({
      allowed: false,
      retryAfterSeconds: gap / 1000,
      refusedBy: ['setup.address'],
    })
    expect((await limiter().take(setup(), clockTo(gap - 1))).allowed).toBe(false)
    expect((await limiter().take(setup(), clockTo(gap))).allowed).toBe(true)
  })

  it('gives an attempt back', async () => {
    for (let attempt = 0; attempt < rates['setup.address'].burst; attempt += 1)
      await limiter().take(setup(), start)
    await limiter().refund(setup())
    expect((await limiter().take(setup(), start)).allowed).toBe(true)
    expect((await limiter().take(setup(), start)).allowed).toBe(false)
  })

  it('names the one of several that refuses', async () => {
    const both = [...setup(), { name: 'login.address', key }] as const
    for (let attempt = 0; attempt < rates['setup.address'].burst; attempt += 1) {
      expect((await limiter().take(both, start)).allowed).toBe(true)
    }
    expect(await limiter().take(both, start)).toMatchObject({ allowed: false, refusedBy: ['setup.address'] })
  })

  it('forgets nothing when twenty thousand other keys are limited', async () => {
    for (let attempt = 0; attempt < rates['setup.address'].burst; attempt += 1)
      await limiter().take(setup(), start)
    await registry.db.prisma.$executeRaw`
      INSERT INTO rate_limits (key, tat, failures, expires_at)
      SELECT 'login.account:flood-' || n, ${start}, 1, ${clockTo(hours(1))} FROM generate_series(1, 20000) n`
    expect((await limiter().take(setup(), start)).allowed).toBe(false)
    await registry.db.prisma.rateLimit.deleteMany({ where: { key: { startsWith: 'login.account:flood-' } } })
  })
})

describe('a password attempt', () => {
  let address = 0
  let person: { id: string; email: string; username: string }
  beforeEach(async () => {
    const name = `p${newId(new Date()).replaceAll('-', '').slice(0, 24)}`
    const { id } = await registry.accounts.create(operator, {
      email: `${name}@example.test`,
      username: name,
      password: 'analytical-engine-1843',
    })
    person = { id, email: `${name}@example.test`, username: name }
  })

  /** From an address of its own each time, unless the test says otherwise. */
  function attempt(options: Partial<PasswordAttempt> = {}) {
    address += 1
    return beginPasswordAttempt(registry.db, {
      emailCanonical: person.email,
      username: null,
      identifierHmac: `hmac of ${options.emailCanonical ?? person.email}`,
      devices: new Map(),
      addressPrefix: `10.0.${address >> 8}.${address & 255}/32`,
      now: start,
      ...options,
    })
  }
  const settle = (begun: { lane: string; address: string }) =>
    registry.db.query(settlePasswordStatement(begun))
  const known = (device = 'device-1') => new Map([[person.id, { id: device, issuedAt: start }]])
  async function fail(times: number, options: Partial<PasswordAttempt> = {}) {
    for (let time = 0; time < times; time += 1) await attempt(options)
  }

  it('finds the person and counts in one round trip', async () => {
    registry.statements.length = 0
    const begun = await attempt()
    expect(registry.statements).toEqual(['authn_begin_password'])
    expect(begun).toMatchObject({
      allowed: true,
      refusedBy: null,
      retryAfterSeconds: 0,
      trusted: false,
      account: { id: person.id, email: person.email, status: 'active', security_epoch: 0 },
    })
    expect(begun.account?.password_hash).toMatch(/^hash of /)
  })

  it('finds by user name too, and both spellings share one count', async () => {
    await fail(5)
    await fail(5, { emailCanonical: null, username: person.username })
    const { allowed, refusedBy, account } = await attempt({ emailCanonical: null, username: person.username })
    expect({ allowed, refusedBy, id: account?.id }).toEqual({
      allowed: false,
      refusedBy: 'account',
      id: person.id,
    })
  })

  it('is one of ten at most when two hundred arrive, twenty at once', async () => {
    const answers = await inWaves(() => attempt())
    expect(answers.filter(({ allowed }) => allowed)).toHaveLength(10)
  })

  it('answers for a name that nobody has as for one that somebody has', async () => {
    const nobody = { emailCanonical: 'nobody@example.test', identifierHmac: newId(start) }
    for (let time = 0; time < 12; time += 1) {
      const { account: _, lane: __, address: ___, ...somebodys } = await attempt()
      const { account, lane: ____, address: _____, ...nobodys } = await attempt(nobody)
      expect(account).toBeNull()
      expect(nobodys).toEqual(somebodys)
    }
  })

  it('waits two minutes for each further failure of an account, and says so', async () => {
    await fail(10)
    expect(await attempt()).toMatchObject({ allowed: false, retryAfterSeconds: 120 })
    expect(await attempt({ now: clockTo(minutes(2) - 1) })).toMatchObject({
      allowed: false,
      retryAfterSeconds: 1,
    })
    expect((await attempt({ now: clockTo(minutes(2)) })).allowed).toBe(true)
    expect((await attempt({ now: clockTo(minutes(2)) })).allowed).toBe(false)
  })

  it('never compares more than 30 an hour once the first ten are spent', async () => {
    await fail(10)
    let compared = 0
    for (let second = 0; second <= 3600; second += 30) {
      if ((await attempt({ now: clockTo(seconds(second)) })).allowed) compared += 1
    }
    expect(compared).toBe(30)
  })

  it('is off for unknown devices after a hundred failures in a row, however slowly they came', async () => {
    let compared = 0
    let last = await attempt()
    for (let round = 1; last.allowed; round += 1) {
      compared += 1
      last = await attempt({ now: clockTo(hours(round)) })
    }
    expect(compared).toBe(limits.passwordFailuresInARow)
    expect(last).toMatchObject({ refusedBy: 'password_off', retryAfterSeconds: 3600 })
    expect((await attempt({ now: clockTo(hours(24 * 365)) })).refusedBy).toBe('password_off')

    expect((await attempt({ devices: known(), now: clockTo(hours(200)) })).allowed).toBe(true)
    await registry.accounts.setPassword(operator, person.id, 'difference-engine-1822')
    expect((await attempt({ now: clockTo(hours(200)) })).allowed).toBe(true)
  })

  it('from a known device has a lane of its own that strangers cannot fill', async () => {
    await fail(50)
    const begun = await attempt({ devices: known() })
    expect(begun).toMatchObject({ allowed: true, trusted: true })
  })

  it('from a known device is limited too', async () => {
    await fail(10, { devices: known() })
    expect(await attempt({ devices: known() })).toMatchObject({
      allowed: false,
      refusedBy: 'account',
      trusted: true,
    })
    expect((await attempt({ devices: known('device-2') })).allowed).toBe(true)
    expect((await attempt()).allowed).toBe(true)
  })

  it('does not take the device of another account for one of this', async () => {
    const begun = await attempt({ devices: new Map([[newId(start), { id: 'device-1', issuedAt: start }]]) })
    expect(begun.trusted).toBe(false)
  })

  it('is refused when its address has failed thirty times, and spares the account then', async () => {
    const addressPrefix = '203.0.113.7/32'
    for (let time = 0; time < 30; time += 1) {
      const nobody = { emailCanonical: `nobody-${time}@example.test`, identifierHmac: newId(start) }
      expect((await attempt({ ...nobody, addressPrefix })).allowed).toBe(true)
    }
    for (let time = 0; time < 20; time += 1) {
      expect(await attempt({ addressPrefix })).toMatchObject({ refusedBy: 'address', retryAfterSeconds: 30 })
    }
    expect((await attempt()).allowed).toBe(true)
  })

  it('that succeeds empties the lane and gives the address one attempt back', async () => {
    const addressPrefix = '203.0.113.8/32'
    await fail(9, { addressPrefix })
    const begun = await attempt({ addressPrefix })
    await settle(begun)
    for (let time = 0; time < 10; time += 1) expect((await attempt()).allowed).toBe(true)
    expect((await attempt()).allowed).toBe(false)

    const nobody = () => ({ emailCanonical: 'nobody@example.test', identifierHmac: newId(start) })
    let left = 0
    while ((await attempt({ ...nobody(), addressPrefix })).allowed) left += 1
    expect(left).toBe(30 - 9)
  })

  it('that succeeds ends the row of failures', async () => {
    for (let round = 0; round < 60; round += 1) await attempt({ now: clockTo(hours(round)) })
    await settle(await attempt({ now: clockTo(hours(60)) }))
    for (let round = 61; round < 120; round += 1) {
      expect((await attempt({ now: clockTo(hours(round)) })).allowed).toBe(true)
    }
  })

  it('that succeeds on a known device leaves the strangers their count', async () => {
    await fail(10)
    await settle(await attempt({ devices: known() }))
    expect((await attempt()).allowed).toBe(false)
  })

  it.each([
    ['a known device', known, rates['login.device']],
    ['an unknown one', () => new Map(), rates['login.account']],
  ])('that was never compared, from %s, leaves both buckets as they were', async (_, devices, rate) => {
    const addressPrefix = newId(start)
    const options = { addressPrefix, devices: devices() }
    await fail(2, options)
    const begun = await attempt(options)
    await registry.db.query(giveBackPasswordStatement(begun))
    const bucket = (key: string) => registry.db.prisma.rateLimit.findUniqueOrThrow({ where: { key } })
    const [lane, addresses] = [await bucket(begun.lane), await bucket(begun.address)]
    expect([lane.failures, addresses.failures]).toEqual([2, 2])
    expect(lane.tat).toEqual(clockTo(2 * gapMs(rate)))
    expect(addresses.tat).toEqual(clockTo(2 * gapMs(rates['login.address'])))
  })

  it('is not limited for whom test hooks exempt', async () => {
    await fail(20)
    const begun = await attempt({ unlimited: true })
    expect(begun).toMatchObject({ allowed: true, account: { id: person.id } })
    expect((await attempt()).allowed).toBe(false)
  })

  it('brings disabled people along, so that the caller does the same work for them', async () => {
    await registry.accounts.disable(operator, person.id)
    expect(await attempt()).toMatchObject({ allowed: true, account: { status: 'disabled' } })
  })

  it('never waits in a circle with the settling of others', async () => {
    const addressPrefix = '203.0.113.9/32'
    const worker = async () => {
      for (let round = 0; round < 15; round += 1) await settle(await attempt({ addressPrefix }))
    }
    await expect(Promise.all(Array.from({ length: 10 }, worker))).resolves.toHaveLength(10)
  })

  it('outlives the clean-up for as long as its account lives, a name of nobody for thirty days', async () => {
    const identifierHmac = newId(start)
    await attempt()
    await attempt({ emailCanonical: 'nobody@example.test', identifierHmac })
    const rows = await registry.db.prisma.rateLimit.findMany({
      where: { key: { in: [`login.account:${person.id}`, `login.account:${identifierHmac}`] } },
    })
    const left = rows.filter(({ expiresAt }) => expiresAt > clockTo(hours(24 * 31)))
    expect(rows).toHaveLength(2)
    expect(left.map(({ key }) => key)).toEqual([`login.account:${person.id}`])
  })
})
