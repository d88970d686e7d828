// Class A and S of the advisories: a device's code is good once, and is decided once.
import { beforeAll, describe, expect, it } from 'vitest'
import { allAtOnce, raceRounds, tally, warm } from '../support/barrier.ts'
import { createPerson, pageOf } from '../support/browser-less.ts'
import { racePair } from '../support/race-apps.ts'
import { ada, createRp } from '../support/rp.ts'

const parallel = 50
const rounds = raceRounds(30)
const client_id = 'demo-device'

const pair = racePair()
const person = createPerson()

beforeAll(async () => {
  await warm(pair().doors, parallel)
})

async function askedAndClaimed(): Promise<string> {
  const { body } = await createRp(pair().issuer, { client_id, redirect_uri: '' }).post('/oauth2/device', {
    scope: 'openid offline_access',
  })
  const { device_code, user_code } = body as unknown as { device_code: string; user_code: string }
  const page = pageOf(await person.submit(await person.open(`${pair().issuer}/device`), { user_code }))
  if (page.html.includes('name="password"')) await person.submit(page, ada)
  return device_code
}

const decide = (count: number, decision: string) =>
  allAtOnce(pair().doors, count, (door) =>
    door.ask({
      path: '/device/request',
      form: { decision },
      headers: { origin: pair().issuer, cookie: person.cookiesFor(`${pair().issuer}/device/request`) },
    }),
  )

const redeem = (device_code: string, count: number) =>
  allAtOnce(pair().doors, count, (door) =>
    door.ask({
      path: '/oauth2/token',
      form: { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code, client_id },
    }),
  )

describe(`${parallel} at once at two processes, ${rounds} rounds`, () => {
  it('redeem a device code once', async () => {
    for (let round = 1; round <= rounds; round += 1) {
      const code = await askedAndClaimed()
      await decide(1, 'allow')
      const answers = await redeem(code, parallel)
      const message = `round ${round} saw ${tally(answers)}`
      expect(
        answers.filter(({ status }) => status === 200),
        message,
      ).toHaveLength(1)
      const refused = answers.filter(({ status, body }) => status === 400 && body.error === 'invalid_grant')
      expect(refused, message).toHaveLength(parallel - 1)
    }
  })

  it('decide a request once', async () => {
    for (let round = 1; round <= rounds; round += 1) {
      const code = await askedAndClaimed()
      const answers = await decide(parallel, 'allow')
      const message = `round ${round} saw ${tally(answers)}`
      expect(
        answers.filter(({ status }) => status === 200),
        message,
      ).toHaveLength(1)
      expect(
        answers.filter(({ status }) => status === 410),
        message,
      ).toHaveLength(parallel - 1)
      expect(await redeem(code, 1), message).toMatchObject([{ status: 200 }])
    }
    const grants = await pair().database.db.prisma.auditEvent.count({ where: { type: 'consent.granted' } })
    expect(grants).toBe(2 * rounds)
  })
})
