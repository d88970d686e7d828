// Class A of the advisories: what an app is given for a person's yes is good once, and the answer is given once.
import { beforeAll, describe, expect, it } from 'vitest'
import { testHooks } from '../support/app.ts'
import { allAtOnce, raceRounds, tally, warm } from '../support/barrier.ts'
import { racePair } from '../support/race-apps.ts'
import { ada, basic, createRp } from '../support/rp.ts'

const parallel = 50
const rounds = raceRounds(30)
const cibaGrant = 'urn:openid:params:grant-type:ciba'

const pair = racePair({ env: testHooks })
let counter = { client_id: '', client_secret: '', redirect_uri: '' }

beforeAll(async () => {
  await warm(pair().doors, parallel)
  const registered = await fetch(`${pair().issuer}/oauth2/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ grant_types: [cibaGrant], redirect_uris: [] }),
  })
  counter = { ...((await registered.json()) as typeof counter), redirect_uri: '' }
})

async function ask(): Promise<string> {
  const params = { scope: 'openid', login_hint: ada.email }
  const { body } = await createRp(pair().issuer, counter).post('/oauth2/ciba', params)
  return (body as unknown as { auth_req_id: string }).auth_req_id
}
const decide = (auth_req_id: string, count: number) =>
  allAtOnce(pair().doors, count, (door) =>
    door.ask({ path: `/dev/ciba/${auth_req_id}`, json: { action: 'allow' } }),
  )
const redeem = (auth_req_id: string, count: number) =>
  allAtOnce(pair().doors, count, (door) =>
    door.ask({
      path: '/oauth2/token',
      form: { grant_type: cibaGrant, auth_req_id },
      headers: { authorization: basic(counter.client_id, counter.client_secret) },
    }),
  )

describe(`${parallel} at once at two processes, ${rounds} rounds`, () => {
  it('redeem a request once', async () => {
    for (let round = 1; round <= rounds; round += 1) {
      const code = await ask()
      await decide(code, 1)
      const answers = await redeem(code, parallel)
      const message = `round ${round} saw ${tally(answers)}`
      expect(
        answers.filter(({ status }) => status === 200),
        message,
      ).toHaveLength(1)
      const refused = answers.filter(({ body }) => body.error === 'invalid_grant')
      expect(refused, message).toHaveLength(parallel - 1)
    }
  })

  it('answer a request once', async () => {
    const granted = () => pair().database.db.prisma.auditEvent.count({ where: { type: 'consent.granted' } })
    const before = await granted()
    for (let round = 1; round <= rounds; round += 1) {
      const code = await ask()
      const answers = await decide(code, parallel)
      const message = `round ${round} saw ${tally(answers)}`
      expect(
        answers.filter(({ status }) => status === 200),
        message,
      ).toHaveLength(1)
      expect(await redeem(code, 1), message).toMatchObject([{ status: 200 }])
    }
    expect(await granted()).toBe(before + rounds)
  })
})
