// Every code and link that proves an address, used by many at the same moment over two products with pools of their
// own: it is good once, and one address gets one account.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Services } from '../../src/services.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { raceRounds } from '../support/barrier.ts'
import { newOrigin } from '../support/challenges.ts'
import { codeIn, linkIn, type Mailbox, startMailingApp } from '../support/mailbox.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

const parallel = 50
const rounds = raceRounds(30)
const browserHash = Buffer.alloc(32, 5)

let database: TestDatabase
let apps: TestApp[] = []
let mails: Mailbox
beforeAll(async () => {
  database = await createTestDatabase()
  const env = { FOYER_REGISTRATION: 'verified' }
  const mailing = await startMailingApp({ databaseUrl: database.url, env })
  mails = mailing.mails
  apps = [mailing, await startApp({ databaseUrl: database.url, env })]
})
afterAll(async () => {
  for (const app of apps) await app.close()
  await database.drop()
})

let people = 0
const newAddress = () => `racer-${++people}@example.test`

const servicesOf = (turn: number): Services => {
  const app = apps[turn % apps.length]
  if (!app) throw new Error('no product')
  return app.services
}

/** How each of so many at once ended; one that the busy machine turned away counts as refused. */
const all = (count: number, work: (services: Services, turn: number) => Promise<{ outcome: string }>) =>
  Promise.all(
    Array.from({ length: count }, (_, turn) =>
      work(servicesOf(turn), turn).then(
        ({ outcome }) => outcome,
        (error: { code?: string }) => error.code ?? String(error),
      ),
    ),
  )

async function ask(email: string, method: 'code' | 'link', more: { browserHash?: Buffer } = {}) {
  const { flow } = await servicesOf(0).passwordless.start({
    email,
    method,
    origin: newOrigin(),
    language: 'en',
    linkUrl: 'https://app.example.test/link',
    intent: 'sign_in',
    ...more,
  })
  const mail = await mails.next(email)
  const token = method === 'link' ? (new URL(linkIn(mail)).searchParams.get('token') ?? '') : ''
  return { flow, token, code: method === 'code' ? codeIn(mail) : '' }
}

const oneOf = (outcomes: string[], won: string) => outcomes.filter((outcome) => outcome === won).length
const accountsOf = (email: string) => servicesOf(0).db.prisma.account.count({ where: { email } })

describe(`${parallel} at once over two products, ${rounds} rounds`, () => {
  const eachRound = async (race: (round: number) => Promise<void>) => {
    for (let round = 1; round <= rounds; round += 1) await race(round)
  }

  it('confirm a registration once', () =>
    eachRound(async (round) => {
      const email = newAddress()
      const begun = await servicesOf(0).registration.begin(
        { email, password: 'a-password-of-a-racer', language: 'en' },
        newOrigin(),
      )
      if (begun.outcome !== 'sent') throw new Error(begun.outcome)
      const code = codeIn(await mails.next(email))
      const outcomes = await all(parallel, ({ registration }) =>
        registration.confirm({ flow: begun.flow }, code, newOrigin()),
      )
      expect(oneOf(outcomes, 'created'), `round ${round}: ${outcomes}`).toBe(1)
      expect(await accountsOf(email)).toBe(1)
    }))

  it('sign in once with a code', () =>
    eachRound(async (round) => {
      const email = newAddress()
      const { flow, code } = await ask(email, 'code')
      const outcomes = await all(parallel, ({ passwordless }) =>
        passwordless.verifyCode({ flow }, code, newOrigin()),
      )
      expect(oneOf(outcomes, 'proved'), `round ${round}: ${outcomes}`).toBe(1)
      expect(await accountsOf(email)).toBe(1)
    }))

  it.each([
    ['in the browser that asked', { browserHash }, {}],
    ['by the program that asked', {}, { named: true }],
  ])('sign in once with a link, %s', (_, asked, { named }: { named?: boolean }) =>
    eachRound(async (round) => {
      const email = newAddress()
      const { token } = await ask(email, 'link', asked)
      const outcomes = await all(parallel, ({ passwordless }) =>
        passwordless.verifyLink(token, { origin: newOrigin(), ...(named ? { email } : { browserHash }) }),
      )
      expect(oneOf(outcomes, 'proved'), `round ${round}: ${outcomes}`).toBe(1)
      expect(await accountsOf(email)).toBe(1)
    }),
  )

  it('sign in once with a link and the code that it shows', () =>
    eachRound(async (round) => {
      const email = newAddress()
      const { flow, token } = await ask(email, 'link', { browserHash })
      const shown = await servicesOf(0).passwordless.peekLink(token)
      const code = 'code' in shown ? shown.code : ''
      const outcomes = await all(parallel, ({ passwordless }, turn) =>
        // In fours, since each product answers every other turn.
        turn % 4 < 2
          ? passwordless.verifyLink(token, { origin: newOrigin(), browserHash })
          : passwordless.verifyCode({ flow }, code, newOrigin()),
      )
      expect(oneOf(outcomes, 'proved'), `round ${round}: ${outcomes}`).toBe(1)
    }))

  it('make one account of two challenges of one new address', () =>
    eachRound(async (round) => {
      const email = newAddress()
      const both = [await ask(email, 'link', { browserHash }), await ask(email, 'link', { browserHash })]
      const outcomes = await all(parallel, ({ passwordless }, turn) =>
        passwordless.verifyLink(both[turn % 4 < 2 ? 0 : 1]?.token ?? '', {
          origin: newOrigin(),
          browserHash,
        }),
      )
      expect(oneOf(outcomes, 'proved'), `round ${round}: ${outcomes}`).toBe(2)
      expect(await accountsOf(email)).toBe(1)
    }))
})
