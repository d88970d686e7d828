// What a person does once although many hands do it at the same moment: a session ends once, and a deletion is undone
// by one of all the clicks on its link.
import { describe, expect, it } from 'vitest'
import type { AppError } from '../../src/kernel/errors.ts'
import { hashSecret, issueSecret } from '../../src/kernel/secrets.ts'
import { after, days } from '../../src/kernel/time.ts'
import type { Services } from '../../src/services.ts'
import { raceRounds } from '../support/barrier.ts'
import { raceApps } from '../support/race-apps.ts'
import { createRp } from '../support/rp.ts'

const parallel = 50
const rounds = raceRounds(30)
const operator = { kind: 'operator' } as const

const appOf = raceApps()
const servicesOf = (turn: number) => appOf(turn).services

/** All at once, over two products; gives how many had their way and what the others were told. */
async function race(work: (services: Services) => Promise<unknown>) {
  const results = await Promise.allSettled(
    Array.from({ length: parallel }, (_, turn) => work(servicesOf(turn))),
  )
  const refusals = results.flatMap((result) =>
    result.status === 'rejected' ? [String(result.reason.message)] : [],
  )
  return { won: parallel - refusals.length, refusals: [...new Set(refusals)] }
}

const countFacts = async (type: string, accountId: string): Promise<number> =>
  (
    await servicesOf(0).db.query({
      text: 'SELECT 1 FROM audit_events WHERE type = $1 AND account_id = $2::uuid',
      values: [type, accountId],
    })
  ).length

describe(`${parallel} at once, ${rounds} rounds`, () => {
  it('undo a deletion once', async () => {
    const { accounts, accountStore, clock, db, deletion } = servicesOf(0)
    for (let round = 1; round <= rounds; round += 1) {
      const { id } = await accounts.create(operator, { email: `undo-${round}@example.test` })
      await deletion.remove(operator, id)
      const { secret } = issueSecret('foyer_link')
      const now = clock.now()
      const ticket = { idHash: hashSecret(secret), purpose: 'restore', accountId: id, now } as const
      await db.inTransaction((tx) =>
        accountStore.insertTicket(tx, { ...ticket, expiresAt: after(now, days(30)) }),
      )
      const { won, refusals } = await race((services) => services.deletion.restoreByTicket(secret))
      expect([round, won, refusals]).toEqual([round, 1, ['link_spent']])
      expect(await countFacts('account.restored', id)).toBe(1)
    }
  })

  it('end a session once', async () => {
    const { accounts, sessions } = servicesOf(0)
    const who = { email: 'ending@example.test', password: 'a-password-of-their-own' }
    const { id } = await accounts.create(operator, who)
    const rp = createRp(servicesOf(0).config.issuer)
    for (let round = 1; round <= rounds; round += 1) {
      const tokens = await rp.tokens({ who })
      const [session] = await sessions.listFor(id)
      const { won, refusals } = await race((services) => services.sessions.end(id, session?.id ?? ''))
      expect([round, won, refusals]).toEqual([round, 1, ['session_not_found']])
      expect((await rp.userinfo(tokens.access_token)).status).toBe(401)
    }
    expect(await countFacts('session.ended', id)).toBe(rounds)
  })

  it('leave one administrator, whoever deletes whom', async () => {
    const { accounts, deletion } = servicesOf(0)
    const others = (await accounts.list({ limit: 100 })).data.filter(({ roles }) => roles.includes('admin'))
    const second = await accounts.create(operator, { email: 'second-admin@example.test', roles: ['admin'] })
    const ids = [...others.map(({ id }) => id), second.id]
    // A database that was busy for half a second decided nothing: whoever was turned away asks again
    const remove = (id: string, turn: number): Promise<unknown> =>
      servicesOf(turn)
        .deletion.remove(operator, id)
        .catch((error: AppError) => (error.kind === 'unavailable' ? remove(id, turn) : Promise.reject(error)))
    const results = await Promise.allSettled(ids.map(remove))
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(ids.length - 1)
    for (const id of ids) await deletion.restore(operator, id).catch(() => undefined)
  })
})
