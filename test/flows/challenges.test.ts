// Proofs of an address, under a clock that the test holds: what is counted, what blocks, and what nobody can spend twice.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rates } from '../../src/config/limits.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { challengesOf, createHeldClock, newOrigin, otherThan } from '../support/challenges.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

let app: TestApp
let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
  app = await startApp({ databaseUrl: database.url })
})
afterAll(async () => {
  await app.close()
  await database.drop()
})

let addresses = 0
const newAddress = () => `person-${++addresses}@example.test`
const failuresOf = async (email: string) =>
  (await app.services.db.prisma.emailConfirmation.findFirst({ where: { emailCanonical: email } }))?.failures

/** What each of many got, as `right: 1, gone: 49`. */
function tally(outcomes: readonly { outcome: string }[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { outcome } of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1
  return counts
}
const times = <T>(count: number, work: () => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, work))

describe('confirming an address', () => {
  it('blocks from the second failure on: 60, 120, 240 … 3,600 s, to the millisecond, right codes too', async () => {
    const { start, guess, clock } = challengesOf(app)
    const email = newAddress()
    const { flow, code } = await start('register', email)
    const wrong = otherThan(code)
    const waits = [0, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600, 3600]
    for (const [index, wait] of waits.entries()) {
      expect(await guess('register', flow, wrong)).toEqual({ outcome: 'wrong' })
      expect(await failuresOf(email)).toBe(index + 1)
      if (wait === 0) continue
      clock.pass(wait - 0.001)
      for (const text of [wrong, code ?? '']) {
        expect(await guess('register', flow, text)).toMatchObject({
          outcome: 'blocked',
          retryAfterSeconds: 1,
        })
      }
      expect(await failuresOf(email)).toBe(index + 1)
      clock.pass(0.001)
    }
    expect(await guess('register', flow, code ?? '')).toMatchObject({ outcome: 'right' })
  })

  it('forgets the failures when the right code is used, and only then', async () => {
    const { start, guess, spend, clock } = challengesOf(app)
    const email = newAddress()
    const { id, flow, code } = await start('register', email)
    await guess('register', flow, otherThan(code))
    expect(await guess('register', flow, code ?? '')).toMatchObject({ outcome: 'right' })
    expect(await failuresOf(email)).toBe(2)
    expect(await spend(id)).toBe(true)
    expect(await failuresOf(email)).toBeUndefined()
    clock.pass(1)
    expect(await guess('register', flow, code ?? '')).toEqual({ outcome: 'gone' })
  })

  it('counts one address once, whatever flow is tried, and another address by itself', async () => {
    const { start, guess } = challengesOf(app)
    const email = newAddress()
    const first = await start('register', email)
    const second = await start('register', email)
    await guess('register', first.flow, otherThan(first.code))
    await guess('register', second.flow, otherThan(second.code))
    expect(await guess('register', first.flow, first.code ?? '')).toMatchObject({ outcome: 'blocked' })
    const other = await start('register', newAddress())
    expect(await guess('register', other.flow, other.code ?? '')).toMatchObject({ outcome: 'right' })
  })

  it('counts an account that moves to an address apart from somebody who registers it', async () => {
    const { start, guess } = challengesOf(app)
    const email = newAddress()
    const [account] = (await app.services.accounts.list({})).data
    if (!account) throw new Error('no account')
    const stranger = await start('register', email)
    await guess('register', stranger.flow, otherThan(stranger.code))
    await guess('register', stranger.flow, otherThan(stranger.code))
    const owner = await start('change_email', email, { account })
    expect(await guess('change_email', owner.flow, owner.code ?? '')).toMatchObject({ outcome: 'right' })
  })

  it('answers an unknown flow like a known one', async () => {
    const { start, guess } = challengesOf(app)
    const { flow, code } = await start('register', newAddress())
    for (let attempt = 1; attempt <= 4; attempt += 1) {
      const known = await guess('register', flow, otherThan(code))
      expect(await guess('register', 'a-flow-that-nobody-has', otherThan(code))).toEqual(known)
    }
  })

  it('leaves no more rows than the limit of a network address allows, whatever flows are made up', async () => {
    const { start, guess, clock } = challengesOf(app)
    const { burst } = rates['confirm.address']
    const origin = newOrigin()
    const rows = () => app.services.db.prisma.emailConfirmation.count()
    const before = await rows()
    const answers = await times(burst + 20, () => guess('register', randomUUID(), '123456', origin))
    expect(tally(answers)).toEqual({ wrong: burst, blocked: 20 })
    expect((await rows()) - before).toBe(burst)

    // A flow that somebody has answers the same there, and elsewhere as ever
    const { flow, code } = await start('register', newAddress())
    const unknown = await guess('register', randomUUID(), '123456', origin)
    expect(unknown).toMatchObject({ outcome: 'blocked', retryAfterSeconds: 9 })
    expect(await guess('register', flow, code ?? '', origin)).toEqual(unknown)
    clock.pass(9)
    expect(await guess('register', randomUUID(), '123456', origin)).toEqual({ outcome: 'wrong' })
    expect(await guess('register', flow, code ?? '')).toMatchObject({ outcome: 'right' })
    expect((await rows()) - before).toBe(burst + 2)
  })

  it('costs a network address nothing when the code was right, or while the cool-down runs', async () => {
    const { start, guess } = challengesOf(app)
    const origin = newOrigin()
    const spentBy = async () =>
      (
        await app.services.db.prisma.rateLimit.findUnique({
          where: { key: `confirm.address:${origin.addressPrefix}` },
        })
      )?.failures ?? 0
    const right = await start('register', newAddress())
    expect(await guess('register', right.flow, right.code ?? '', origin)).toMatchObject({ outcome: 'right' })
    expect(await spentBy()).toBe(0)
    const { flow, code } = await start('register', newAddress())
    for (let turn = 0; turn < 2; turn += 1) await guess('register', flow, otherThan(code), origin)
    const answers = await times(50, () => guess('register', flow, otherThan(code), origin))
    expect(tally(answers)).toEqual({ blocked: 50 })
    expect(await spentBy()).toBe(2)
    const email = newAddress()
    const raced = await start('register', email)
    await times(50, () => guess('register', raced.flow, otherThan(raced.code), origin))
    expect(await spentBy()).toBe(2 + ((await failuresOf(email)) ?? 0))
  })

  it('keeps its blocks over a restart, and when the clock goes back', async () => {
    const email = newAddress()
    const { start, guess } = challengesOf(app)
    const { flow, code } = await start('register', email)
    await guess('register', flow, otherThan(code))
    await guess('register', flow, otherThan(code))
    const restarted = await startApp({ databaseUrl: database.url })
    try {
      const later = challengesOf(restarted)
      expect(await later.guess('register', flow, code ?? '')).toMatchObject({ outcome: 'blocked' })
      const back = challengesOf(restarted, createHeldClock(new Date(later.clock.millis() - 3_600_000)))
      expect(await back.guess('register', flow, code ?? '')).toMatchObject({ outcome: 'blocked' })
      later.clock.pass(60)
      expect(await later.guess('register', flow, code ?? '')).toMatchObject({ outcome: 'right' })
    } finally {
      await restarted.close()
    }
  })

  it('lets two of fifty parallel guesses through, and none of fifty in a block', async () => {
    const { start, guess, clock } = challengesOf(app)
    const email = newAddress()
    const { flow, code } = await start('register', email)
    const wrong = otherThan(code)
    expect(tally(await times(50, () => guess('register', flow, wrong)))).toEqual({ wrong: 2, blocked: 48 })
    expect(tally(await times(50, () => guess('register', flow, code ?? '')))).toEqual({ blocked: 50 })
    expect(await failuresOf(email)).toBe(2)
    clock.pass(60)
    expect(tally(await times(50, () => guess('register', flow, wrong)))).toEqual({ wrong: 1, blocked: 49 })
    expect(await failuresOf(email)).toBe(3)
  })
})

describe.each(['sign_in', 'recovery'] as const)('a code for %s', (purpose) => {
  it('is compared five times and no more, even fifty at once', async () => {
    const { start, guess } = challengesOf(app)
    const { flow, code } = await start(purpose, newAddress())
    const outcomes = await times(50, () => guess(purpose, flow, otherThan(code)))
    expect(tally(outcomes)).toEqual({ wrong: 5, gone: 45 })
    expect(await guess(purpose, flow, code ?? '')).toEqual({ outcome: 'gone' })
  })

  it('is good for ten minutes', async () => {
    const { start, guess, clock } = challengesOf(app)
    const { flow, code } = await start(purpose, newAddress())
    clock.pass(599.999)
    expect(await guess(purpose, flow, code ?? '')).toMatchObject({ outcome: 'right' })
    clock.pass(0.001)
    expect(await guess(purpose, flow, code ?? '')).toEqual({ outcome: 'gone' })
  })

  it('is spent by one of fifty', async () => {
    const { start, spend } = challengesOf(app)
    const { id } = await start(purpose, newAddress())
    expect((await times(50, () => spend(id))).filter(Boolean)).toHaveLength(1)
  })

  it('dies with a change of what guards the account', async () => {
    const { start, spend } = challengesOf(app)
    const email = newAddress()
    const account = await app.services.accounts.create({ kind: 'system' }, { email })
    const { id } = await start(purpose, email, { account })
    await app.services.accounts.setPassword({ kind: 'system' }, account.id, 'a-new-long-password-of-mine')
    expect(await spend(id)).toBe(false)
  })

  it('opens nothing else, neither in another flow nor for another purpose', async () => {
    const { start, guess } = challengesOf(app)
    const one = await start(purpose, newAddress())
    const two = await start(purpose, newAddress())
    if (one.code !== two.code) {
      expect(await guess(purpose, two.flow, one.code ?? '')).toEqual({ outcome: 'wrong' })
    }
    for (const other of ['register', purpose === 'recovery' ? 'sign_in' : 'recovery'] as const) {
      expect(await guess(other, one.flow, one.code ?? '')).toEqual({ outcome: 'wrong' })
    }
  })

  it('is refused in another browser than the one that asked', async () => {
    const { challenges, start } = challengesOf(app)
    const browserHash = Buffer.alloc(32, 1)
    const { id, code } = await start(purpose, newAddress(), { browserHash })
    const inBrowser = (hash: Buffer) =>
      challenges.tryCode({ id }, code ?? '', { purpose, origin: newOrigin(), browserHash: hash })
    expect(await inBrowser(Buffer.alloc(32, 2))).toEqual({ outcome: 'wrong' })
    expect(await inBrowser(browserHash)).toMatchObject({ outcome: 'right' })
  })
})

describe('guessing', () => {
  it('compares at most thirty codes of one address in any day, whatever flows and addresses are used', async () => {
    const { start, guess, clock } = challengesOf(app)
    const email = newAddress()
    const compared: number[] = []
    for (let step = 0; step < 3 * 48; step += 1) {
      const { flow, code } = await start('sign_in', email)
      for (let attempt = 0; attempt < 5; attempt += 1) {
        const { outcome } = await guess('sign_in', flow, otherThan(code))
        if (outcome !== 'wrong') break
        compared.push(clock.millis())
      }
      clock.pass(1800)
    }
    const day = 86_400_000
    const worst = Math.max(
      ...compared.map((at) => compared.filter((other) => other >= at && other < at + day).length),
    )
    expect(worst).toBeLessThanOrEqual(30)
    expect(compared.length).toBeGreaterThan(45)
  }, 60_000)

  it('stays within the limit of an address when many flows are tried at once', async () => {
    const { start, guess } = challengesOf(app)
    const email = newAddress()
    const flows = await times(10, () => start('sign_in', email))
    const outcomes = await Promise.all(
      flows.flatMap(({ flow, code }) =>
        Array.from({ length: 5 }, () => guess('sign_in', flow, otherThan(code))),
      ),
    )
    expect(tally(outcomes)).toEqual({ wrong: 15, blocked: 35 })
  })

  it('is limited for one guesser over all addresses, and says when to come back', async () => {
    const { start, guess } = challengesOf(app)
    const origin = newOrigin()
    const outcomes: { outcome: string }[] = []
    for (let flows = 0; flows < 7; flows += 1) {
      const { flow, code } = await start('sign_in', newAddress())
      for (let attempt = 0; attempt < 5; attempt += 1) {
        outcomes.push(await guess('sign_in', flow, otherThan(code), origin))
      }
    }
    expect(tally(outcomes)).toEqual({ wrong: 30, blocked: 5 })
    expect(await guess('sign_in', 'no-flow', '123456', origin)).toMatchObject({
      outcome: 'blocked',
      retryAfterSeconds: 30,
    })
  })

  it('costs a person nothing who is right', async () => {
    const { start, guess, spend } = challengesOf(app)
    const email = newAddress()
    const origin = newOrigin()
    for (let round = 0; round < 40; round += 1) {
      const { id, flow, code } = await start('sign_in', email)
      expect(await guess('sign_in', flow, code ?? '', origin)).toMatchObject({ outcome: 'right' })
      expect(await spend(id)).toBe(true)
    }
  })
})

describe('asking for another mail', () => {
  it('waits 30, 60, 120 and 300 s, repeats the code and the link, and lets them live on', async () => {
    const { challenges, start, clock } = challengesOf(app)
    const { flow, code, linkToken, resendAt } = await start('sign_in', newAddress(), { carries: 'link' })
    const again = () => app.services.db.inTransaction((tx) => challenges.resend(tx, { flow }, 'sign_in'))
    expect(resendAt.getTime() - clock.millis()).toBe(30_000)
    for (const wait of [30, 60, 120, 300, 300]) {
      clock.pass(wait - 0.001)
      expect(await again()).toMatchObject({ outcome: 'too_early' })
      clock.pass(0.001)
      const resent = await again()
      expect(resent).toMatchObject({ outcome: 'due', code, linkToken })
      if (resent.outcome !== 'due') continue
      expect(resent.challenge.expiresAt.getTime() - clock.millis()).toBe(600_000)
    }
    expect((await challenges.view({ flow }))?.sends).toBe(6)
  })

  it('sends one of fifty that ask at once', async () => {
    const { challenges, start, clock } = challengesOf(app)
    const { flow } = await start('sign_in', newAddress())
    clock.pass(30)
    const answers = await times(50, () =>
      app.services.db.inTransaction((tx) => challenges.resend(tx, { flow }, 'sign_in')),
    )
    expect(tally(answers)).toEqual({ due: 1, too_early: 49 })
  })

  it('is over once the guesses or the time are', async () => {
    const { challenges, start, guess, clock } = challengesOf(app)
    const resend = (flow: string) =>
      app.services.db.inTransaction((tx) => challenges.resend(tx, { flow }, 'sign_in'))
    const { flow, code } = await start('sign_in', newAddress())
    await times(5, () => guess('sign_in', flow, otherThan(code)))
    clock.pass(30)
    expect(await resend(flow)).toEqual({ outcome: 'gone' })
    const old = await start('sign_in', newAddress())
    clock.pass(600)
    expect(await resend(old.flow)).toEqual({ outcome: 'gone' })
    expect(await resend('unknown')).toEqual({ outcome: 'gone' })
  })

  it('gives an address five mails an hour over all purposes, and what was refused costs nothing', async () => {
    const { challenges, clock } = challengesOf(app)
    const email = newAddress()
    const asked = []
    for (let mail = 0; mail < 20; mail += 1) asked.push(await challenges.mayMail(email))
    expect(asked.filter(Boolean)).toHaveLength(5)
    clock.pass(3600)
    const later = []
    for (let mail = 0; mail < 20; mail += 1) later.push(await challenges.mayMail(email))
    expect(later.filter(Boolean)).toHaveLength(5)
  })
})

describe('a link', () => {
  const browserHash = Buffer.alloc(32, 3)
  const use = (of: ReturnType<typeof challengesOf>, token: string, bearer = { browserHash }) =>
    app.services.db.inTransaction((tx) => of.challenges.useLink(tx, token, { purpose: 'sign_in', bearer }))

  it('is spent by one of fifty, and not by being looked at', async () => {
    const of = challengesOf(app)
    const { linkToken } = await of.start('sign_in', newAddress(), { carries: 'link', browserHash })
    await times(100, () => of.challenges.peekLink(linkToken ?? '', browserHash))
    const spent = await times(50, () => use(of, linkToken ?? ''))
    expect(spent.filter((challenge) => challenge !== null)).toHaveLength(1)
    expect(await of.challenges.peekLink(linkToken ?? '')).toMatchObject({ state: 'used' })
  })

  it('and its code are one proof: fifty of each at once spend it once', async () => {
    const of = challengesOf(app)
    const { id, linkToken } = await of.start('sign_in', newAddress(), { carries: 'link', browserHash })
    const [byLink, byCode] = await Promise.all([
      times(50, () => use(of, linkToken ?? '')),
      times(50, () => of.spend(id)),
    ])
    expect([...byLink, ...byCode].filter(Boolean)).toHaveLength(1)
  })

  it('is for the browser that asked; elsewhere it shows the code of its own challenge', async () => {
    const of = challengesOf(app)
    const { flow, code, linkToken } = await of.start('sign_in', newAddress(), {
      carries: 'link',
      browserHash,
    })
    expect(await use(of, linkToken ?? '', { browserHash: Buffer.alloc(32, 4) })).toBeNull()
    for (const other of [undefined, Buffer.alloc(32, 4)]) {
      expect(await of.challenges.peekLink(linkToken ?? '', other)).toMatchObject({
        state: 'other_browser',
        code,
      })
    }
    expect(await of.challenges.peekLink(linkToken ?? '', browserHash)).toMatchObject({
      state: 'same_browser',
    })
    expect(await of.guess('sign_in', flow, code ?? '')).toMatchObject({ outcome: 'right' })
  })

  it('is over after ten minutes, and nothing is known of one that never was', async () => {
    const of = challengesOf(app)
    const { linkToken } = await of.start('sign_in', newAddress(), { carries: 'link', browserHash })
    of.clock.pass(600)
    expect(await of.challenges.peekLink(linkToken ?? '', browserHash)).toEqual({ state: 'expired' })
    expect(await use(of, linkToken ?? '')).toBeNull()
    expect(await of.challenges.peekLink('foyer_link_nonsense', browserHash)).toEqual({ state: 'expired' })
  })
})

it('neither codes nor links can be read in the tables', async () => {
  const { start } = challengesOf(app)
  const { flow, code, linkToken } = await start('sign_in', newAddress(), {
    carries: 'link',
    waiting: { secret: 'what-waits-for-the-proof' },
  })
  const rows = await app.services.db.query<{ row: string }>({
    text: `SELECT row_to_json(c)::text AS row FROM email_challenges c`,
    values: [],
  })
  const text = rows.map(({ row }) => row.replaceAll(/"(id|email\w*|\w*_at|account_id)":"[^"]*"/g, '')).join()
  for (const secret of [flow, linkToken ?? '', 'what-waits-for-the-proof', `"${code}"`]) {
    expect(text).not.toContain(secret)
  }
})
