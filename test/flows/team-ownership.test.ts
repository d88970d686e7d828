// What becomes of teams when somebody who owns them goes: nobody is left behind in a team without an owner.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { days } from '../../src/kernel/time.ts'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { createPerson, pageOf, throughSignIn } from '../support/browser-less.ts'

let app: TestApp
beforeAll(async () => {
  app = await startApp({ env: testHooks })
})
afterAll(() => app.close())

const operator = { kind: 'operator' } as const
const password = 'a-password-of-their-own'

let count = 0
let teamId: string
let name: string
beforeEach(async () => {
  name = `Team <${++count}>`
  teamId = (await app.services.teams.create(operator, { slug: `left-${count}`, name })).id
})

async function join(role: string): Promise<{ id: string; email: string }> {
  const email = `leaver-${++count}@example.test`
  const { id } = await app.services.accounts.create(operator, { email, password, emailVerified: true })
  await app.services.members.add(operator, { teamId, accountId: id, role })
  return { id, email }
}
const rolesIn = async () => {
  const { data } = await app.services.members.list(operator, { teamId })
  return Object.fromEntries(data.map(({ accountId, role }) => [accountId, role]))
}
async function eraseAfterAMonth(): Promise<void> {
  await app.advance(days(30) / 1000 + 1)
  await app.services.deletion.eraseDue()
}

describe('deleting the account of a last owner', () => {
  it('is refused, whoever asks, and names the teams', async () => {
    const { id } = await join('owner')
    await join('member')
    for (const actor of [operator, { kind: 'account', id } as const]) {
      await expect(app.services.deletion.remove(actor, id)).rejects.toMatchObject({
        kind: 'conflict',
        code: 'last_owner',
        details: { teams: [name], errors: [{ pointer: `/teams/${teamId}`, detail: name }] },
      })
    }
    expect((await app.services.accounts.get(id)).status).toBe('active')
  })

  it('says so on the page', async () => {
    const { id, email } = await join('owner')
    await join('member')
    const visitor = createPerson()
    const asked = await visitor.open(`${app.issuer}/account/delete`)
    const page = await throughSignIn(visitor, asked, { email, password })
    const refused = pageOf(await visitor.submit(page, { confirm: email }))
    expect(refused.status).toBe(422)
    expect(refused.html).toContain('Nobody else owns: Team &lt;')
    expect((await app.services.accounts.get(id)).status).toBe('active')
  })

  it('is possible once the team is handed over, deleted, or has nobody else in it', async () => {
    const { deletion, members, teams } = app.services
    const first = await join('owner')
    const second = await join('admin')
    await members.transfer({ kind: 'account', id: first.id }, { teamId, accountId: second.id })
    await expect(deletion.remove(operator, first.id)).resolves.toBeTruthy()

    await members.remove(operator, { teamId, accountId: first.id })
    await expect(deletion.remove(operator, second.id)).resolves.toBeTruthy()
    await deletion.restore(operator, second.id)

    await join('member')
    await expect(deletion.remove(operator, second.id)).rejects.toThrow('last_owner')
    await teams.remove({ kind: 'account', id: second.id }, { teamId })
    await expect(deletion.remove(operator, second.id)).resolves.toBeTruthy()
  })

  it('waits for another owner who can sign in', async () => {
    const first = await join('owner')
    const second = await join('owner')
    await app.services.accounts.disable(operator, second.id)
    await expect(app.services.deletion.remove(operator, first.id)).rejects.toThrow('last_owner')
    await app.services.accounts.enable(operator, second.id)
    await expect(app.services.deletion.remove(operator, first.id)).resolves.toBeTruthy()
    await expect(app.services.deletion.remove(operator, second.id)).rejects.toThrow('last_owner')
  })
})

describe('erasing an account', () => {
  /** Goes while another owns the team too; then the other is taken off, by hand, behind the back of the rules. */
  async function goAlone(id: string, other: string): Promise<void> {
    await app.services.deletion.remove(operator, id)
    await app.services.db.prisma.teamMember.delete({
      where: { teamId_accountId: { teamId, accountId: other } },
    })
  }

  it('makes the admin who was there longest the owner', async () => {
    const gone = await join('owner')
    const other = await join('owner')
    await join('member')
    const admin = await join('admin')
    await join('admin')
    await goAlone(gone.id, other.id)
    await eraseAfterAMonth()
    expect(await rolesIn()).toMatchObject({ [admin.id]: 'owner' })
    expect(Object.values(await rolesIn()).sort()).toEqual(['admin', 'member', 'owner'])
    expect(await app.auditTypes()).toContain('team.owner_succeeded')
  })

  it('makes a member the owner where there is no admin, rather one who can sign in', async () => {
    const gone = await join('owner')
    const other = await join('owner')
    const disabled = await join('admin')
    const member = await join('member')
    await join('member')
    await app.services.accounts.disable(operator, disabled.id)
    await goAlone(gone.id, other.id)
    await eraseAfterAMonth()
    expect(await rolesIn()).toMatchObject({ [member.id]: 'owner', [disabled.id]: 'admin' })
  })

  it('changes nothing where another owns the team', async () => {
    const gone = await join('owner')
    const stays = await join('owner')
    const admin = await join('admin')
    await app.services.deletion.remove(operator, gone.id)
    await eraseAfterAMonth()
    expect(await rolesIn()).toEqual({ [stays.id]: 'owner', [admin.id]: 'admin' })
  })

  it('takes a team along that nobody else is in', async () => {
    const gone = await join('owner')
    await app.services.deletion.remove(operator, gone.id)
    expect(await app.services.teams.findBySlug(`left-${count - 1}`)).toBeTruthy()
    await eraseAfterAMonth()
    await expect(app.services.teams.get(operator, { teamId })).rejects.toThrow('team_not_found')
  })
})
