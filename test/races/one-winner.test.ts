// What happens once although many ask at the same moment: one-time values, interactions, and units of work that
// stand on several conditions.
import { describe, expect, it } from 'vitest'
import { insertArtifact } from '../../src/features/artifacts/new-artifacts.ts'
import { newUnit, stage } from '../../src/features/artifacts/unit-of-work.ts'
import { spendArtifact } from '../../src/features/artifacts/writes.ts'
import { hashSecret, randomToken } from '../../src/kernel/secrets.ts'
import { raceRounds } from '../support/barrier.ts'
import { createPerson, formsOf, type Page } from '../support/browser-less.ts'
import { raceApps } from '../support/race-apps.ts'
import { ada, createRp } from '../support/rp.ts'

const parallel = 50
const rounds = raceRounds(30)

const appOf = raceApps()

describe(`${parallel} at once, ${rounds} rounds`, () => {
  it('claim a one-time value once, under its own purpose', async () => {
    for (let round = 1; round <= rounds; round += 1) {
      const value = randomToken()
      const claims = await Promise.all(
        Array.from({ length: parallel }, (_, turn) => {
          const artifacts = appOf(turn).services.artifacts
          return artifacts.run({}, () => artifacts.find('ReplayDetection', value))
        }),
      )
      expect(
        claims.filter((seen) => seen === undefined),
        `round ${round}`,
      ).toHaveLength(1)
    }
  })

  it('finish an interaction once; the others are shown the way on', async () => {
    const rp = createRp(appOf(0).issuer)
    for (let round = 1; round <= rounds; round += 1) {
      const person = createPerson()
      const page = await person.open(rp.authorizeUrl().url)
      const resume = await answered(person, page)
      const headers = { cookie: person.cookiesFor(resume), accept: 'text/html' }
      const answers = await Promise.all(
        Array.from({ length: parallel }, async () => {
          let answer = await fetch(resume, { headers, redirect: 'manual' })
          // Sent once more to where it was, or told by a busy machine to come again
          while ([307, 503].includes(answer.status)) {
            await answer.arrayBuffer()
            answer = await fetch(resume, { headers, redirect: 'manual' })
          }
          return {
            status: answer.status,
            location: answer.headers.get('location') ?? '',
            html: await answer.text(),
          }
        }),
      )
      const message = `round ${round}: ${answers.map(({ status }) => status).join(' ')}`
      expect(
        answers.filter(({ location }) => location.includes('code=')),
        message,
      ).toHaveLength(1)
      expect(
        answers.filter(({ status }) => status === 410),
        message,
      ).toHaveLength(parallel - 1)
    }
    expect(await appOf(0).services.db.prisma.artifact.count({ where: { kind: 'AuthorizationCode' } })).toBe(
      rounds,
    )
  })
})

/** Types the password, and gives where the browser is sent to resume. */
async function answered(person: ReturnType<typeof createPerson>, page: Page): Promise<string> {
  const [form] = formsOf(page)
  const body = new URLSearchParams({ ...form?.fields, email: ada.email, password: ada.password })
  const headers = { origin: new URL(page.url).origin }
  const response = await person.request(form?.action ?? '', { method: 'POST', body, headers })
  return new URL(response.headers.get('location') ?? '', page.url).href
}

describe('a unit of work that stands on two conditions', () => {
  const now = new Date()
  const row = { payload: {}, expiresAt: new Date(now.getTime() + 60_000) }
  const code = 'AuthorizationCode'

  const kept = (hash: Buffer) =>
    appOf(0).services.db.prisma.artifact.findFirst({
      where: { idHash: new Uint8Array(hash) },
      select: { consumedAt: true },
    })

  /** Spends two codes, of which these are there, and inserts a token behind them. */
  async function attempt({ there }: { there: boolean[] }) {
    const artifacts = appOf(0).services.artifacts
    const made = hashSecret(randomToken())
    const codes = there.map((isThere) => ({ hash: hashSecret(randomToken()), isThere }))
    const given = newUnit()
    for (const { hash, isThere } of codes) if (isThere) stage(given, insertArtifact(code, hash, row))
    await artifacts.commit(given, { refused: false })

    const unit = newUnit()
    for (const { hash } of codes) stage(unit, spendArtifact(code, hash, now))
    stage(unit, insertArtifact('AccessToken', made, row))
    const outcome = await artifacts.commit(unit, { refused: false })
    const spent = (await Promise.all(codes.map(({ hash }) => kept(hash)))).filter(
      (found) => found?.consumedAt,
    )
    return { outcome, spent: spent.length, inserted: (await kept(made)) !== null }
  }

  it.each([
    ['the first', [false, true]],
    ['the second', [true, false]],
  ])('writes nothing at all when %s fails', async (_, there) => {
    expect(await attempt({ there })).toEqual({ outcome: 'lost', spent: 0, inserted: false })
  })

  it('writes everything when both hold', async () => {
    const outcome = await attempt({ there: [true, true] })
    expect(outcome).toEqual({ outcome: 'committed', spent: 2, inserted: true })
  })
})
