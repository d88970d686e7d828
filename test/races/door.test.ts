// The JSON door has no grace: of any number of refreshes at once one wins, and then the family is over.
import { beforeAll, describe, expect, it } from 'vitest'
import { testHooks } from '../support/app.ts'
import { type Answer, allAtOnce, raceRounds, tally, warm } from '../support/barrier.ts'
import { racePair } from '../support/race-apps.ts'

const parallel = 50
const rounds = raceRounds(30)

const pair = racePair({ env: testHooks })

beforeAll(async () => {
  await warm(pair().doors, parallel)
  // Statements are prepared on each connection first, or a busy machine answers some of the first round with 503.
  await refresh((await signIn()).refresh_token, parallel)
})

const login = { email: 'ada@example.test', password: 'analytical-engine-1843' }

async function signIn(): Promise<Required<Pick<Answer['body'], 'access_token' | 'refresh_token'>>> {
  const [answer] = await allAtOnce(pair().doors, 1, (door) => door.ask({ path: '/auth/login', json: login }))
  const { access_token, refresh_token } = answer?.body ?? {}
  if (!access_token || !refresh_token) throw new Error(`no tokens: ${answer?.text}`)
  return { access_token, refresh_token }
}

const refresh = (refresh_token: string, count: number) =>
  allAtOnce(pair().doors, count, (door) => door.ask({ path: '/auth/refresh', json: { refresh_token } }))

const me = (access_token: string) =>
  allAtOnce(pair().doors, pair().doors.length, (door) =>
    door.ask({ path: '/auth/me', headers: { authorization: `Bearer ${access_token}` } }),
  )

const count = (status: number, answers: readonly Answer[]) =>
  answers.filter((answer) => answer.status === status).length

describe(`${parallel} at once at the JSON door of two processes, ${rounds} rounds`, () => {
  it('refresh once, and the family is over', async () => {
    for (let round = 1; round <= rounds; round += 1) {
      const { refresh_token } = await signIn()
      const answers = await refresh(refresh_token, parallel)
      const message = `round ${round} saw ${tally(answers)}`
      expect([count(200, answers), count(401, answers)], message).toEqual([1, parallel - 1])

      const winner = answers.find(({ status }) => status === 200)
      expect(tally(await refresh(winner?.body.refresh_token ?? '', 2)), message).toBe('2 × 401')
      expect(tally(await me(winner?.body.access_token ?? '')), message).toBe('2 × 401')
    }
  })

  it('sign out while others refresh, and nothing that came of it is good', async () => {
    for (let round = 1; round <= rounds; round += 1) {
      const { access_token, refresh_token } = await signIn()
      const asked = refresh(refresh_token, 2)
      const out = allAtOnce(pair().doors, 1, (door) =>
        door.ask({
          method: 'POST',
          path: '/auth/logout',
          headers: { authorization: `Bearer ${access_token}` },
        }),
      )
      const answers = [...(await asked), ...(await out)]
      const message = `round ${round} saw ${tally(answers)}`
      expect(tally(await me(access_token)), message).toBe('2 × 401')
      for (const { body } of answers) {
        if (!body.refresh_token || !body.access_token) continue
        expect(tally(await me(body.access_token)), message).toBe('2 × 401')
        expect(tally(await refresh(body.refresh_token, 2)), message).toBe('2 × 401')
      }
    }
  })
})
