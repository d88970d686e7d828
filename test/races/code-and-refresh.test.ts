// Class A of the advisories: what is good once is given once, whoever asks at the same moment and wherever.
import { beforeAll, describe, expect, it } from 'vitest'
import { type Answer, allAtOnce, raceRounds, tally, warm } from '../support/barrier.ts'
import { createPerson } from '../support/browser-less.ts'
import { racePair } from '../support/race-apps.ts'
import { basic, createRp, demoWeb, type Rp, type RpClient } from '../support/rp.ts'

const parallel = 50
const rounds = raceRounds(200)
const strictClient: RpClient = { client_id: 'demo-spa', redirect_uri: 'http://localhost:3001/spa/callback' }

const pair = racePair()
const person = createPerson()

beforeAll(async () => {
  await pair().database.db.prisma.client.update({
    where: { id: strictClient.client_id },
    data: { refreshGraceSeconds: 0 },
  })
  await warm(pair().doors, parallel)
})

const rpOf = (client: RpClient): Rp => createRp(pair().issuer, client)

type Redemption = { client: RpClient; form: Record<string, string> }

const redeem = ({ client, form }: Redemption, count: number) =>
  allAtOnce(pair().doors, count, (door) =>
    door.ask({
      path: '/oauth2/token',
      form: client.client_secret ? form : { ...form, client_id: client.client_id },
      headers: client.client_secret ? { authorization: basic(client.client_id, client.client_secret) } : {},
    }),
  )

/** A code of the browser session that is signed in since the first round. */
async function newCode(client: RpClient): Promise<Redemption> {
  const { code, verifier } = await rpOf(client).signIn({ person })
  const { redirect_uri } = client
  return { client, form: { grant_type: 'authorization_code', code, redirect_uri, code_verifier: verifier } }
}

const refreshing = (client: RpClient, refresh_token: string): Redemption => ({
  client,
  form: { grant_type: 'refresh_token', refresh_token },
})

async function newRefreshToken(client: RpClient): Promise<string> {
  const [answer] = await redeem(await newCode(client), 1)
  if (!answer?.body.refresh_token) throw new Error(`no refresh token: ${answer?.text}`)
  return answer.body.refresh_token
}

/** What the winner of a race got, when exactly one did and the others were told invalid_grant. */
function onlyWinner(answers: readonly Answer[], round: number): Answer {
  const message = `round ${round} saw ${tally(answers)}`
  const [winner, ...more] = answers.filter(({ status }) => status === 200)
  const refused = answers.filter(({ status, body }) => status === 400 && body.error === 'invalid_grant')
  if (!winner || more.length > 0 || refused.length !== answers.length - 1) throw new Error(message)
  return winner
}

/** Userinfo and a refresh by either process; both tokens are dead when it says 401 and invalid_grant. */
async function afterlife(client: RpClient, { body }: Answer): Promise<string[]> {
  const { access_token, refresh_token } = body
  const asked = pair().doors.map((door) =>
    door.ask({ path: '/oauth2/userinfo', headers: { authorization: `Bearer ${access_token}` } }),
  )
  const refreshed = await redeem(refreshing(client, refresh_token ?? ''), 2)
  const used = await Promise.all(asked)
  return [...used.map(({ status }) => String(status)), ...refreshed.map(({ body }) => body.error ?? 'alive')]
}

const dead = ['401', '401', 'invalid_grant', 'invalid_grant']

describe(`${parallel} at once at two processes, ${rounds} rounds`, () => {
  it('redeem a code once, and the reuse ends what it gave', async () => {
    for (let round = 1; round <= rounds; round += 1) {
      const winner = onlyWinner(await redeem(await newCode(demoWeb), parallel), round)
      expect(await afterlife(demoWeb, winner), `round ${round}`).toEqual(dead)
    }
  })

  it('refresh inside the grace to one and the same successor', async () => {
    let token = await newRefreshToken(demoWeb)
    for (let round = 1; round <= rounds; round += 1) {
      const answers = await redeem(refreshing(demoWeb, token), parallel)
      const successors = [...new Set(answers.map(({ body }) => body.refresh_token))]
      const message = `round ${round} saw ${tally(answers)} and ${successors.length} successors`
      expect(tally(answers), message).toBe(`${parallel} × 200`)
      expect(successors, message).toHaveLength(1)
      expect(new Set(answers.map(({ body }) => body.access_token)).size, message).toBe(parallel)
      token = successors[0] ?? ''
    }
    expect(tally(await redeem(refreshing(demoWeb, token), 1))).toBe('1 × 200')
  })

  it('refresh without a grace once, and the reuse ends the family', async () => {
    for (let round = 1; round <= rounds; round += 1) {
      const token = await newRefreshToken(strictClient)
      const winner = onlyWinner(await redeem(refreshing(strictClient, token), parallel), round)
      expect(await afterlife(strictClient, winner), `round ${round}`).toEqual(dead)
    }
  })

  it('leave one audit event of each reuse, however many losers there were', async () => {
    const events = await pair().database.db.prisma.auditEvent.count({
      where: { type: 'token.reuse_detected' },
    })
    expect(events).toBe(2 * rounds)
  })
})
