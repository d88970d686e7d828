// Teams in many hands at the same moment, over two products: somebody owns them at the end.
import { describe, expect, it } from 'vitest'
import { hashSecret, issueSecret } from '../../src/kernel/secrets.ts'
import { after, hours } from '../../src/kernel/time.ts'
import type { Services } from '../../src/services.ts'
import { raceRounds } from '../support/barrier.ts'
import { raceApps } from '../support/race-apps.ts'

const parallel = 50
const rounds = raceRounds(30)
const operator = { kind: 'operator' } as const

const appOf = raceApps()
const servicesOf = (turn: number) => appOf(turn).services

let count = 0
async function teamOf(...roles: string[]) {
  const { accounts, members, teams } = servicesOf(0)
  const { id: teamId } = await teams.create(operator, { slug: `race-${++count}`, name: 'Race' })
  const ids: string[] = []
  for (const role of roles) {
    const { id } = await accounts.create(operator, { email: `racer-${++count}@example.test` })
    await members.add(operator, { teamId, accountId: id, role })
    ids.push(id)
  }
  return { teamId, ids }
}

async function ownersOf(teamId: string): Promise<string[]> {
  const { data } = await servicesOf(0).members.list(operator, { teamId, limit: 100 })
  return data.filter(({ role }) => role === 'owner').map(({ accountId }) => accountId)
}

/** All at once; gives how many had their way, and what the others were told. On a busy machine some waits are too long. */
async function race(works: ((services: Services) => Promise<unknown>)[]) {
  const results = await Promise.allSettled(works.map((work, turn) => work(servicesOf(turn))))
  const codes = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.code] : []))
  const refusals = [...new Set(codes)].filter((code) => code !== 'database_unavailable')
  return { won: results.length - codes.length, refusals: refusals.sort() }
}
const many = (work: (services: Services, turn: number) => Promise<unknown>) =>
  Array.from({ length: parallel }, (_, turn) => (services: Services) => work(services, turn))

describe(`in ${rounds} rounds`, () => {
  it('two owners who demote each other leave one', async () => {
    for (let round = 1; round <= rounds; round += 1) {
      const { teamId, ids } = await teamOf('owner', 'owner')
      const [one = '', two = ''] = ids
      const demote = (from: string, accountId: string) => (services: Services) =>
        services.members.changeRole({ kind: 'account', id: from }, { teamId, accountId, role: 'member' })
      const { won, refusals } = await race([demote(one, two), demote(two, one)])
      // The slower one is no owner any more when its turn comes
      expect([round, won, refusals]).toEqual([round, 1, ['forbidden']])
      expect(await ownersOf(teamId)).toHaveLength(1)
    }
  })

  it('two owners who leave at once leave one behind', async () => {
    for (let round = 1; round <= rounds; round += 1) {
      const { teamId, ids } = await teamOf('owner', 'owner', 'member')
      const leave = (id: string) => (services: Services) =>
        services.members.leave({ kind: 'account', id }, { teamId })
      const { won, refusals } = await race(ids.slice(0, 2).map(leave))
      expect([round, won, refusals]).toEqual([round, 1, ['last_owner']])
      expect(await ownersOf(teamId)).toHaveLength(1)
    }
  })

  it('an owner who is deleted while the other leaves leaves one who can sign in', async () => {
    for (let round = 1; round <= rounds; round += 1) {
      const { teamId, ids } = await teamOf('owner', 'owner', 'member')
      const [going = '', leaving = ''] = ids
      const { refusals } = await race([
        (services) => services.deletion.remove(operator, going),
        (services) => services.members.leave({ kind: 'account', id: leaving }, { teamId }),
      ])
      expect([round, refusals]).toEqual([round, ['last_owner']])
      const states = await Promise.all((await ownersOf(teamId)).map((id) => servicesOf(0).accounts.get(id)))
      expect(states.map(({ status }) => status)).toContain('active')
    }
  })

  it('a team is not handed to somebody who is deleted meanwhile', async () => {
    for (let round = 1; round <= rounds; round += 1) {
      const { teamId, ids } = await teamOf('owner', 'member')
      const [owner = '', heir = ''] = ids
      await race([
        (services) => services.members.transfer({ kind: 'account', id: owner }, { teamId, accountId: heir }),
        (services) => services.deletion.remove(operator, heir),
      ])
      const states = await Promise.all((await ownersOf(teamId)).map((id) => servicesOf(0).accounts.get(id)))
      expect([round, states.map(({ status }) => status)]).toEqual([round, ['active']])
    }
  })
})

describe(`${parallel} at once, ${rounds} rounds`, () => {
  it('accept an invitation once', async () => {
    const { accounts, db, invitations } = servicesOf(0)
    const { teamId } = await teamOf('owner')
    for (let round = 1; round <= rounds; round += 1) {
      const person = { email: `accepting-${round}@example.test`, emailVerified: true }
      const { id } = await accounts.create(operator, person)
      const invitation = await invitations.create(operator, { teamId, email: person.email, role: 'member' })
      const { secret: token } = issueSecret('foyer_invitation')
      const tokenHash = new Uint8Array(hashSecret(token))
      await db.prisma.teamInvitation.update({ where: { id: invitation.id }, data: { tokenHash } })
      const { won, refusals } = await race(
        many((services) => services.invitations.accept({ kind: 'account', id }, { token })),
      )
      expect([round, won, refusals]).toEqual([round, 1, ['invitation_gone']])
    }
    const { data } = await servicesOf(0).members.list(operator, { teamId, limit: 100 })
    expect(data).toHaveLength(rounds + 1)
  })

  it('use a join code as often as it says', async () => {
    const { accounts, clock, joinCodes, members } = servicesOf(0)
    const people = await Promise.all(
      Array.from({ length: parallel }, (_, each) =>
        accounts.create(operator, { email: `joining-${each}@example.test` }),
      ),
    )
    for (let round = 1; round <= rounds; round += 1) {
      const { teamId } = await teamOf('owner')
      const expiresAt = after(clock.now(), hours(1))
      const { code } = await joinCodes.create(operator, { teamId, maxUses: 3, expiresAt })
      // Ten tries a quarter of an hour are enough for nobody who runs so often
      await servicesOf(0).db.prisma.rateLimit.deleteMany({ where: { key: { startsWith: 'join.account:' } } })
      const { won, refusals } = await race(
        people.map(
          ({ id }) =>
            (services: Services) =>
              services.joinCodes.use({ kind: 'account', id }, { code }),
        ),
      )
      expect([round, won, refusals]).toEqual([round, 3, ['join_code_gone']])
      expect((await members.list(operator, { teamId })).data).toHaveLength(4)
    }
  })
})

describe(`${parallel} at once`, () => {
  it('owners who all step down leave one', async () => {
    const { teamId, ids } = await teamOf(...Array.from({ length: parallel }, () => 'owner'))
    for (let again = 0; again < 20 && (await ownersOf(teamId)).length > 1; again += 1) {
      await race(
        ids.map((id) => (services: Services) => {
          const about = { teamId, accountId: id, role: 'member' }
          return services.members.changeRole({ kind: 'account', id }, about)
        }),
      )
    }
    expect(await ownersOf(teamId)).toHaveLength(1)
  })

  it('add the same person once', async () => {
    const { teamId } = await teamOf('owner')
    const { id: accountId } = await servicesOf(0).accounts.create(operator, { email: 'once@example.test' })
    const { won, refusals } = await race(
      many(({ members }) => members.add(operator, { teamId, accountId, role: 'member' })),
    )
    expect([won, refusals]).toEqual([1, ['already_member']])
  })
})
