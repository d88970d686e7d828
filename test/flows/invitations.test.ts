// Invitations to a team: mailed, and accepted once by whoever proved the address, for no more than the inviter may give.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { AcceptInvitation, Invite } from '../../src/features/teams/schema.ts'
import type { Actor } from '../../src/kernel/events.ts'
import { newId } from '../../src/kernel/secrets.ts'
import { days } from '../../src/kernel/time.ts'
import { type TestApp, testHooks } from '../support/app.ts'
import { linkIn, type Mailbox, startMailingApp } from '../support/mailbox.ts'

let app: TestApp & { mails: Mailbox }
beforeAll(async () => {
  app = await startMailingApp({ env: testHooks })
})
afterAll(() => app.close())

const operator = { kind: 'operator' } as const
const week = days(7) / 1000

type Somebody = { id: string; email: string; actor: Actor }
let count = 0
let teamId: string
let owner: Somebody
let admin: Somebody
beforeEach(async () => {
  teamId = (await app.services.teams.create(operator, { slug: `inviting-${++count}`, name: `Team ${count}` }))
    .id
  owner = await joined('owner')
  admin = await joined('admin')
})

async function somebody(input: object = {}): Promise<Somebody> {
  const email = `invited-${++count}@example.test`
  const { id } = await app.services.accounts.create(operator, { email, emailVerified: true, ...input })
  return { id, email, actor: { kind: 'account', id } }
}
async function joined(role: string): Promise<Somebody> {
  const person = await somebody()
  await app.services.members.add(operator, { teamId, accountId: person.id, role })
  return person
}
const tokenIn = async (to: string) =>
  new URL(linkIn(await app.mails.next(to, /invited/))).searchParams.get('token') ?? ''

/** Sends one and gives what the mail carries. */
async function invited(by: Actor, email: string, role = 'member') {
  const { id } = await app.services.invitations.create(by, { teamId, email, role })
  return { id, token: await tokenIn(email) }
}
const accept = (person: Pick<Somebody, 'actor'>, token: string) =>
  app.services.invitations.accept(person.actor, { token })
const roleOf = async ({ id }: Pick<Somebody, 'id'>) =>
  (await app.services.teams.membershipsOf(id)).find((team) => team.id === teamId)?.role
const stateOf = async (id: string) => {
  const { data } = await app.services.invitations.list(operator, { teamId, limit: 100 })
  return data.find((invitation) => invitation.id === id)?.state
}
const refused = { kind: 'gone', code: 'invitation_gone' }

describe('an invitation', () => {
  it('leads whoever proved its address into the team, once', async () => {
    const person = await somebody()
    const { id, token } = await invited(admin.actor, person.email)
    expect(await app.services.invitations.peek({ token })).toMatchObject({
      emailMasked: 'i•••@example.test',
      role: 'member',
      state: 'pending',
    })
    expect(await accept(person, token)).toMatchObject({ team: { id: teamId }, role: 'member' })
    expect(await roleOf(person)).toBe('member')
    expect(await stateOf(id)).toBe('accepted')
    await expect(accept(person, token)).rejects.toMatchObject(refused)
    const types = await app.auditTypes()
    expect(types).toEqual(expect.arrayContaining(['team.invitation_sent', 'team.invitation_accepted']))
  })

  it('rests as a hash, and its mail speaks the language of whoever has the address', async () => {
    const person = await somebody({ locale: 'de' })
    await app.services.invitations.create(admin.actor, { teamId, email: person.email, role: 'member' })
    const mail = await app.mails.next(person.email)
    expect(mail.subject).toContain('eingeladen')
    const token = new URL(linkIn(mail)).searchParams.get('token') ?? ''
    expect(token).toMatch(/^foyer_invitation_[\w-]{43}$/)
    const rows = await app.services.db.query({ text: 'SELECT * FROM team_invitations', values: [] })
    expect(JSON.stringify(rows)).not.toContain(token)
  })

  it('speaks the language of the inviter to somebody unknown', async () => {
    await app.services.accounts.update(operator, admin.id, { locale: 'fr' })
    const email = `unknown-${++count}@example.test`
    await app.services.invitations.create(admin.actor, { teamId, email, role: 'member' })
    expect((await app.mails.next(email)).subject).toContain('invité')
  })

  it('is answered alike whether the address has an account, is a member, or neither', async () => {
    const person = await somebody()
    const answers = []
    for (const email of [person.email, owner.email, `nobody-${++count}@example.test`]) {
      const {
        id: _,
        email: __,
        ...rest
      } = await app.services.invitations.create(admin.actor, {
        teamId,
        email,
        role: 'member',
      })
      answers.push({ ...rest, createdAt: 0, expiresAt: 0 })
      expect(await app.mails.next(email)).toBeTruthy()
    }
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
  })

  it('is for nobody else: another account, an address that nobody proved, somebody disabled', async () => {
    const person = await somebody()
    const { id, token } = await invited(admin.actor, person.email)
    await expect(accept(await somebody(), token)).rejects.toMatchObject(refused)

    const unproved = await somebody({ emailVerified: false })
    const second = await invited(admin.actor, unproved.email)
    await expect(accept(unproved, second.token)).rejects.toMatchObject(refused)
    expect(await roleOf(unproved)).toBeUndefined()

    await app.services.accounts.disable(operator, person.id)
    await expect(accept(person, token)).rejects.toMatchObject(refused)
    await app.services.accounts.enable(operator, person.id)
    expect([await stateOf(id), await stateOf(second.id)]).toEqual(['pending', 'pending'])
    await accept(person, token)
  })

  it('refuses unknown, mistyped and spent tokens in the same words, and takes no program for a person', async () => {
    const person = await somebody()
    const { token } = await invited(admin.actor, person.email)
    await accept(person, token)
    for (const wrong of [token, token.slice(0, -1), `${token}x`, token.toUpperCase(), '', '\u0000', '%']) {
      await expect(accept(person, wrong)).rejects.toMatchObject(refused)
    }
    await expect(app.services.invitations.peek({ token: `${token}x` })).rejects.toMatchObject(refused)
    for (const actor of [operator, { kind: 'client', id: 'machine', scopes: ['teams:write'] } as const]) {
      await expect(accept({ actor }, token)).rejects.toMatchObject({ kind: 'forbidden' })
    }
  })

  it('leaves a role that is there already as it is', async () => {
    const { token } = await invited(owner.actor, admin.email, 'owner')
    expect((await accept(admin, token)).role).toBe('admin')
    const lower = await invited(admin.actor, owner.email, 'member')
    expect((await accept(owner, lower.token)).role).toBe('owner')
  })

  it('is taken with the role it was sent with: one beside the token counts for nothing', async () => {
    const person = await somebody()
    const { token } = await invited(admin.actor, person.email)
    const input = AcceptInvitation.parse({ token, role: 'owner' })
    expect(input).toEqual({ token })
    await app.services.invitations.accept(person.actor, input)
    expect(await roleOf(person)).toBe('member')
    expect(AcceptInvitation.safeParse({ token, state: 'accepted' }).success).toBe(false)
    expect(AcceptInvitation.safeParse({ token: { not: '' } }).success).toBe(false)
    expect(Invite.safeParse({ email: 'a@example.test', role: ['owner'] }).success).toBe(false)
  })

  it('is good for seven days, to the second', async () => {
    const { invitations, clock, db } = app.services
    const [early, late] = [await somebody(), await somebody()]
    const good = await invited(admin.actor, early.email)
    const over = await invited(admin.actor, late.email)
    const { data } = await invitations.list(admin.actor, { teamId })
    for (const { createdAt, expiresAt } of data) {
      expect(Math.abs(expiresAt.getTime() - createdAt.getTime() - days(7))).toBeLessThan(1000)
    }
    const endsAt = (id: string, expiresAt: Date) =>
      db.prisma.teamInvitation.update({ where: { id }, data: { expiresAt } })
    await endsAt(good.id, new Date(clock.millis() + 10_000))
    await accept(early, good.token)
    await endsAt(over.id, clock.now())
    await expect(accept(late, over.token)).rejects.toMatchObject(refused)
    expect(await stateOf(over.id)).toBe('expired')
  })

  it('goes with its team', async () => {
    const person = await somebody()
    const { token } = await invited(admin.actor, person.email)
    await app.services.teams.remove(owner.actor, { teamId })
    await expect(accept(person, token)).rejects.toMatchObject(refused)
  })

  it('is forgotten a month after it expired, and with the account of its address', async () => {
    const person = await somebody()
    await invited(admin.actor, person.email)
    const rowsOf = () =>
      app.services.db.prisma.teamInvitation.count({ where: { emailCanonical: person.email } })
    await app.services.invitations.sweep()
    expect(await rowsOf()).toBe(1)
    await app.services.deletion.remove(operator, person.id)
    await app.advance(days(30) / 1000 + 1)
    await app.services.deletion.eraseDue()
    expect(await rowsOf()).toBe(0)
    const other = await invited(admin.actor, `late-${++count}@example.test`)
    await app.advance(days(37) / 1000 + 1)
    await app.services.invitations.sweep()
    expect(await stateOf(other.id)).toBeUndefined()
  })
})

describe('an inviter', () => {
  it('who may invite nobody any more leaves a void invitation', async () => {
    const person = await somebody()
    const { id, token } = await invited(admin.actor, person.email)
    const { members } = app.services
    await members.changeRole(owner.actor, { teamId, accountId: admin.id, role: 'member' })
    await expect(accept(person, token)).rejects.toMatchObject(refused)
    expect([await stateOf(id), await roleOf(person)]).toEqual(['void', undefined])
    await members.changeRole(owner.actor, { teamId, accountId: admin.id, role: 'admin' })
    await expect(accept(person, token)).rejects.toMatchObject(refused)
  })

  it.each<[string, () => Promise<unknown>]>([
    ['left', () => app.services.members.leave(admin.actor, { teamId })],
    ['was disabled', () => app.services.accounts.disable(operator, admin.id)],
    ['was deleted', () => app.services.deletion.remove(operator, admin.id)],
  ])('who %s does too', async (_, goes) => {
    const person = await somebody()
    const { id, token } = await invited(admin.actor, person.email)
    await goes()
    await expect(accept(person, token)).rejects.toMatchObject(refused)
    expect(await stateOf(id)).toBe('void')
  })

  it('who may give less today invites a member', async () => {
    const person = await somebody()
    const { token } = await invited(owner.actor, person.email, 'owner')
    await app.services.members.transfer(owner.actor, { teamId, accountId: admin.id })
    expect((await accept(person, token)).role).toBe('member')
  })

  it('whose account may have changed hands since invites a member', async () => {
    const person = await somebody()
    const { token } = await invited(owner.actor, person.email, 'admin')
    await app.services.accounts.setPassword(operator, owner.id, 'a-password-of-somebody')
    expect((await accept(person, token)).role).toBe('member')
  })

  it('that is a program stands behind it as long as it is there', async () => {
    await app.addClient(`inviter-${++count}`, { grant_types: ['client_credentials'] })
    const machine: Actor = { kind: 'client', id: `inviter-${count}`, scopes: ['teams:write'] }
    const [first, second] = [await somebody(), await somebody()]
    const good = await invited(machine, first.email, 'owner')
    const bad = await invited(machine, second.email, 'owner')
    expect((await accept(first, good.token)).role).toBe('owner')
    await app.services.clients.remove(operator, machine.id)
    await expect(accept(second, bad.token)).rejects.toMatchObject(refused)
  })
})

describe('sending', () => {
  it('takes the permission, and a role that one may give', async () => {
    const { invitations } = app.services
    const member = await joined('member')
    const { actor: stranger } = await somebody()
    const about = { teamId, email: `x-${++count}@example.test`, role: 'member' }
    await expect(invitations.create(member.actor, about)).rejects.toMatchObject({ kind: 'forbidden' })
    await expect(invitations.list(member.actor, about)).rejects.toMatchObject({ kind: 'forbidden' })
    await expect(invitations.create(admin.actor, { ...about, role: 'owner' })).rejects.toMatchObject({
      kind: 'forbidden',
    })
    for (const attempt of [invitations.create, invitations.list]) {
      await expect(attempt(stranger, about)).rejects.toMatchObject({ code: 'team_not_found' })
    }
    await expect(
      invitations.create(admin.actor, { ...about, email: '"a@b.c"@d.test' }),
    ).rejects.toMatchObject({
      details: { errors: [{ pointer: '/email' }] },
    })
    expect(await app.mails.rest(about.email)).toEqual([])
  })

  it('again makes a new link for another week, and the old one is worth nothing', async () => {
    const person = await somebody()
    const { id, token } = await invited(admin.actor, person.email)
    await app.advance(week + 1)
    expect(await stateOf(id)).toBe('expired')
    expect(await app.services.invitations.resend(owner.actor, { teamId, invitationId: id })).toMatchObject({
      id,
      state: 'pending',
    })
    const newer = await tokenIn(person.email)
    await expect(accept(person, token)).rejects.toMatchObject(refused)
    expect((await accept(person, newer)).role).toBe('member')
  })

  it('to the same address replaces what waits, unless it is worth more than one may give', async () => {
    const person = await somebody()
    const first = await invited(admin.actor, person.email)
    const second = await invited(owner.actor, person.email, 'owner')
    expect([await stateOf(first.id), await stateOf(second.id)]).toEqual(['revoked', 'pending'])
    const { invitations } = app.services
    const about = { teamId, invitationId: second.id }
    await expect(
      invitations.create(admin.actor, { teamId, email: person.email, role: 'member' }),
    ).rejects.toThrow('forbidden')
    await expect(invitations.resend(admin.actor, about)).rejects.toThrow('forbidden')
    await expect(invitations.revoke(admin.actor, about)).rejects.toThrow('forbidden')
    await expect(accept(person, first.token)).rejects.toMatchObject(refused)
  })

  it('is taken back, for good', async () => {
    const person = await somebody()
    const { id: invitationId, token } = await invited(admin.actor, person.email)
    const { invitations } = app.services
    await invitations.revoke(admin.actor, { teamId, invitationId })
    await expect(accept(person, token)).rejects.toMatchObject(refused)
    await expect(invitations.revoke(admin.actor, { teamId, invitationId })).rejects.toMatchObject(refused)
    await expect(invitations.resend(admin.actor, { teamId, invitationId })).rejects.toMatchObject(refused)
  })

  it('touches only invitations of this team', async () => {
    const person = await somebody()
    const { id: invitationId } = await invited(admin.actor, person.email)
    const other = await app.services.teams.create(operator, { slug: `other-${++count}`, name: 'Other' })
    const boss = await somebody()
    await app.services.members.add(operator, { teamId: other.id, accountId: boss.id, role: 'owner' })
    const { invitations } = app.services
    for (const id of [invitationId, newId(app.services.clock.now()), 'x', '%']) {
      const about = { teamId: other.id, invitationId: id }
      await expect(invitations.revoke(boss.actor, about)).rejects.toThrow('invitation_not_found')
      await expect(invitations.resend(boss.actor, about)).rejects.toThrow('invitation_not_found')
    }
    expect(await stateOf(invitationId)).toBe('pending')
  })

  it('floods no mailbox: five a day to an address, whoever asks', async () => {
    const email = `flooded-${++count}@example.test`
    const about = { teamId, email, role: 'member' }
    for (let mail = 0; mail < 5; mail += 1) {
      await app.services.invitations.create(mail % 2 ? admin.actor : owner.actor, about)
    }
    await expect(app.services.invitations.create(owner.actor, about)).rejects.toMatchObject({
      kind: 'rate_limited',
    })
    const stranger = await somebody()
    await expect(app.services.invitations.create(stranger.actor, about)).rejects.toThrow('team_not_found')
  })
})

describe('the list of invitations', () => {
  it('comes in pages', async () => {
    for (let each = 0; each < 3; each += 1) {
      await app.services.invitations.create(owner.actor, {
        teamId,
        email: `listed-${++count}@example.test`,
        role: 'member',
      })
    }
    const first = await app.services.invitations.list(admin.actor, { teamId, limit: 2 })
    const rest = await app.services.invitations.list(admin.actor, {
      teamId,
      limit: 2,
      ...(first.nextCursor && { cursor: first.nextCursor }),
    })
    expect([first.data.length, rest.data.length, rest.nextCursor]).toEqual([2, 1, null])
  })
})
