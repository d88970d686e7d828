// Nobody learns from an answer who has an account: the same bytes, the same number of statements, the same hashing and
// as many mails for those who have one and those who have none (security.md §4g). Times are scripts/enumeration.ts.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { answerOf, entryPoints } from '../support/entry-points.ts'

let app: TestApp
const hashed: string[] = []
beforeAll(async () => {
  app = await startApp({ env: { FOYER_REGISTRATION: 'verified', FOYER_TRUSTED_PROXY_HOPS: '1' } })
  const { passwords } = app.services
  const { hash, verify } = passwords
  Object.assign(passwords, {
    hash: (password: string) => {
      hashed.push('hash')
      return hash(password)
    },
    verify: (stored: string | null, candidate: string) => {
      hashed.push('verify')
      return verify(stored, candidate)
    },
  })
})
afterAll(() => app.close())

let turn = 0
type Kind = 'unknown' | 'known' | 'unverified' | 'without a password' | 'disabled'

async function somebody(kind: Kind): Promise<string> {
  turn += 1
  const email = `somebody-${String(turn).padStart(4, '0')}@example.test`
  if (kind === 'unknown') return email
  const { accounts } = app.services
  const password = kind === 'without a password' ? {} : { password: 'the-old-password-of-mine' }
  const account = await accounts.create(
    { kind: 'system' },
    { email, emailVerified: kind !== 'unverified', ...password },
  )
  if (kind === 'disabled') await accounts.disable({ kind: 'operator' }, account.id)
  return email
}

async function mailsWaiting(): Promise<number> {
  const [row] = await app.services.db.query<{ count: number }>({
    text: 'SELECT count(*)::int AS count FROM graphile_worker.jobs',
    values: [],
  })
  return row?.count ?? 0
}

async function observe(entry: (typeof entryPoints)[number], kind: Kind) {
  const email = await somebody(kind)
  const knock = await entry.arrive(app.issuer, email, `198.51.100.${turn % 250}`)
  const mailsBefore = await mailsWaiting()
  app.statements()
  hashed.length = 0
  const answer = await answerOf(await knock(), email)
  // Savepoints of a transaction that had to go on after a refusal would be told apart too
  const statements = app.statements().length
  return { answer, statements, hashing: [...hashed], mails: (await mailsWaiting()) - mailsBefore }
}

describe.each(entryPoints.map((entry) => [entry.name, entry] as const))('%s', (_, entry) => {
  it.each(['known', 'unverified', 'without a password', 'disabled'] as const)(
    'answers somebody %s and somebody unknown alike',
    async (kind) => {
      // The first requests of a process prepare what later ones find
      await observe(entry, 'unknown')
      await observe(entry, kind)
      const unknown = await observe(entry, 'unknown')
      const known = await observe(entry, kind)
      expect(known).toEqual(unknown)
      expect(known.answer.status).toBeLessThan(500)
    },
  )
})
