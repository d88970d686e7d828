// A recovery mail and everything it leads to, used by many at the same moment over two products with pools of their own:
// one of them changes the password.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Services } from '../../src/services.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { raceRounds } from '../support/barrier.ts'
import { codeIn, linkIn, type Mailbox, startMailingApp } from '../support/mailbox.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

const parallel = 50
const rounds = raceRounds(30)

let database: TestDatabase
let apps: TestApp[] = []
let mails: Mailbox
beforeAll(async () => {
  database = await createTestDatabase()
  const mailing = await startMailingApp({ databaseUrl: database.url })
  mails = mailing.mails
  apps = [mailing, await startApp({ databaseUrl: database.url })]
})
afterAll(async () => {
  for (const app of apps) await app.close()
  await database.drop()
})

let count = 0
/** What the mail of a new person holds. */
async function mailed() {
  count += 1
  const [app] = apps
  if (!app) throw new Error('no product')
  const email = `hurried-${count}@example.test`
  const account = await app.services.accounts.create(
    { kind: 'system' },
    { email, password: 'the-old-password-of-mine', emailVerified: true },
  )
  const { flow } = await app.services.recovery.start({
    email,
    origin: originOf(0),
    language: 'en',
    linkUrl: `${app.issuer}/recover`,
  })
  const mail = await mails.next(email)
  const token = new URL(linkIn(mail)).searchParams.get('token') ?? ''
  return { accountId: account.id, flow, code: codeIn(mail), token }
}

const originOf = (turn: number) => ({
  address: `192.0.2.${turn}`,
  addressPrefix: `${count}.${turn}`,
  requestId: 'race',
  device: 'a race',
})

async function all<T>(work: (services: Services, turn: number) => Promise<T>): Promise<(T | undefined)[]> {
  return Promise.all(
    Array.from({ length: parallel }, (_, turn) => {
      const app = apps[turn % apps.length]
      if (!app) throw new Error('no product')
      return work(app.services, turn).catch(() => undefined)
    }),
  )
}

const passwordOf = (turn: number) => `a-password-of-turn-${turn}`
const epochOf = async (id: string) => (await apps[0]?.services.accounts.get(id))?.securityEpoch

describe(`${parallel} at once, ${rounds} rounds`, () => {
  // Hashing is bounded and slow; what is raced is the spending, so each has its hash ready.
  beforeAll(() => {
    for (const { services } of apps) {
      Object.assign(services.passwords, { hash: async (text: string) => `hash of ${text}` })
    }
  })

  it('a link sets one password', async () => {
    for (let round = 1; round <= rounds; round += 1) {
      const mail = await mailed()
      const answers = await all(({ recovery }, turn) =>
        recovery.resetByLink(mail.token, passwordOf(turn), originOf(turn)),
      )
      expect(answers.filter(Boolean), `round ${round}`).toHaveLength(1)
      expect(await epochOf(mail.accountId), `round ${round}`).toBe(1)
    }
  })

  it('a code gives one ticket, and the ticket sets one password', async () => {
    for (let round = 1; round <= rounds; round += 1) {
      const mail = await mailed()
      const checked = await all(({ recovery }, turn) =>
        recovery.checkCode({ flow: mail.flow }, mail.code, originOf(turn)),
      )
      const right = checked.filter((answer) => answer?.outcome === 'right')
      expect(right, `round ${round}`).toHaveLength(1)
      const ticket = right[0]?.outcome === 'right' ? right[0].ticket : ''
      const resets = await all(({ recovery }, turn) =>
        recovery.resetByTicket(ticket, passwordOf(turn), originOf(turn)),
      )
      expect(resets.filter(Boolean), `round ${round}`).toHaveLength(1)
      expect(await epochOf(mail.accountId), `round ${round}`).toBe(1)
    }
  })

  it('a code and the link of its mail set one password between them', async () => {
    for (let round = 1; round <= rounds; round += 1) {
      const mail = await mailed()
      const answers = await all(async ({ recovery }, turn) => {
        const password = passwordOf(turn)
        if (turn % 2 === 0) return recovery.resetByLink(mail.token, password, originOf(turn))
        const by = await recovery.resetByCode({ flow: mail.flow }, mail.code, {
          password,
          origin: originOf(turn),
        })
        return by.outcome === 'reset' ? by.account : undefined
      })
      expect(answers.filter(Boolean), `round ${round}`).toHaveLength(1)
      expect(await epochOf(mail.accountId), `round ${round}`).toBe(1)
    }
  })

  it('compare five wrong codes of one flow and no more, wherever they come from', async () => {
    const mail = await mailed()
    const answers = await all(({ recovery }, turn) =>
      recovery.checkCode({ flow: mail.flow }, String(100_000 + turn), originOf(turn)),
    )
    expect(answers.filter((answer) => answer?.outcome === 'wrong')).toHaveLength(5)
  })
})
