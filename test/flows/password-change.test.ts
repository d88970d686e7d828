// What a signed-in person does with password and address, beneath the pages; and people brought along from elsewhere.
import { hashSync } from '@node-rs/bcrypt'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Origin } from '../../src/features/challenges/schema.ts'
import { type TestApp, testHooks } from '../support/app.ts'
import { codeIn, type Mailbox, startMailingApp } from '../support/mailbox.ts'
import { createRp, type Rp } from '../support/rp.ts'

let app: TestApp & { mails: Mailbox }
let rp: Rp
beforeAll(async () => {
  app = await startMailingApp({ env: testHooks })
  rp = createRp(app.issuer)
})
afterAll(() => app.close())

let count = 0
const old = 'the-old-password-of-mine'
const fresh = 'a-brand-new-password-41'

async function member({
  password = old,
  verified = true,
}: {
  password?: string | null
  verified?: boolean
} = {}) {
  count += 1
  const email = `changes-${count}@example.test`
  const account = await app.services.accounts.create(
    { kind: 'system' },
    { email, emailVerified: verified, ...(password !== null && { password }) },
  )
  const origin: Origin = {
    address: `203.0.113.${count}`,
    addressPrefix: `203.0.113.${count}/32`,
    requestId: `request-${count}`,
    device: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  }
  return { id: account.id, email, password: old, origin }
}
type Member = Awaited<ReturnType<typeof member>>

const change = ({ id, origin }: Member, current: string, next: string, keepSessionUid?: string) =>
  app.services.passwordChange.changePassword(id, { current, next }, { origin, keepSessionUid })
const sessionsOf = async ({ id }: Member) =>
  (await app.services.db.prisma.session.findMany({ where: { accountId: id } })).map(({ uid }) => uid)
const factsOf = async ({ id }: Member) => {
  const rows = await app.services.db.prisma.auditEvent.findMany({
    where: { accountId: id },
    orderBy: { id: 'asc' },
  })
  return rows.map(({ type }) => type)
}

describe('a changed password', () => {
  it('keeps the session it was changed in, ends the others with their tokens, and is told by mail', async () => {
    const who = await member()
    const here = await rp.tokens({ who })
    const [kept] = await sessionsOf(who)
    const elsewhere = await rp.tokens({ who })
    expect(await sessionsOf(who)).toHaveLength(2)

    expect(await change(who, old, fresh, kept)).toMatchObject({ outcome: 'changed', account: { id: who.id } })
    expect(await sessionsOf(who)).toEqual([kept])
    expect((await rp.refresh(here.refresh_token ?? '')).status).toBe(200)
    expect((await rp.refresh(elsewhere.refresh_token ?? '')).status).toBe(400)
    // A mail about the second device came before
    const mails = [await app.mails.next(who.email), await app.mails.next(who.email)]
    expect(mails.some(({ text }) => text.includes(`Address: ${who.origin.address}`))).toBe(true)
    expect(await factsOf(who)).toContain('account.password_changed')
    await rp.tokens({ who: { ...who, password: fresh } })
  })

  it('needs the one before, and makes mailed links void', async () => {
    const who = await member()
    const words = { language: 'en', linkUrl: `${app.issuer}/recover` }
    const { flow } = await app.services.recovery.start({ email: who.email, origin: who.origin, ...words })
    const code = codeIn(await app.mails.next(who.email))
    expect(await change(who, 'not-the-one-before', fresh)).toEqual({ outcome: 'wrong' })
    await rp.tokens({ who })

    expect(await change(who, old, fresh)).toMatchObject({ outcome: 'changed' })
    const reset = { password: 'chosen-by-a-dead-code-1', origin: who.origin }
    expect(await app.services.recovery.resetByCode({ flow }, code, reset)).toMatchObject({ outcome: 'gone' })
  })

  it.each([
    ['short', 'password_too_short'],
    ['Password2026', 'password_common'],
    ['x'.repeat(257), 'password_too_long'],
    ['foyer-is-my-password', 'password_contains_name'],
  ])('is not %s', async (next, code) => {
    const who = await member()
    await expect(change(who, old, next)).rejects.toMatchObject({ details: { errors: [{ code }] } })
    expect(await change(who, old, fresh)).toMatchObject({ outcome: 'changed' })
  })

  it('may be guessed ten times, then even the right one waits; strangers at the sign-in put nobody off', async () => {
    const who = await member()
    for (let guess = 0; guess < 10; guess += 1) {
      expect(await change(who, `guess-number-${guess}`, fresh)).toEqual({ outcome: 'wrong' })
    }
    const blocked = await change(who, old, fresh)
    expect(blocked).toMatchObject({ outcome: 'blocked' })
    if (blocked.outcome === 'blocked') expect(blocked.retryAfterSeconds).toBeLessThanOrEqual(90)
    await rp.tokens({ who })
    await app.advance(91)
    expect(await change(who, old, fresh)).toMatchObject({ outcome: 'changed' })
  })

  it('of fifty at once is changed once', async () => {
    const who = await member()
    const { services } = app
    const hash = services.passwords.hash
    Object.assign(services.passwords, { hash: async (text: string) => `hash of ${text}` })
    const changes = await Promise.all(
      Array.from({ length: 50 }, (_, turn) =>
        services.passwordChange
          .setFirstPassword(who.id, `first-of-many-${turn}`, { origin: who.origin })
          .catch((error: { code?: string }) => error.code),
      ),
    )
    expect(new Set(changes)).toEqual(new Set(['password_exists']))
    await services.passwordChange.removePassword(who.id, { origin: who.origin })
    const firsts = await Promise.all(
      Array.from({ length: 50 }, (_, turn) =>
        services.passwordChange
          .setFirstPassword(who.id, `first-of-many-${turn}`, { origin: who.origin })
          .then(
            () => 'set',
            (error: { code?: string }) => error.code,
          ),
      ),
    )
    Object.assign(services.passwords, { hash })
    expect(firsts.filter((answer) => answer === 'set')).toHaveLength(1)
    expect((await services.accounts.get(who.id)).securityEpoch).toBe(2)
  })
})

describe('a password', () => {
  it('is set for the first time by somebody who had none', async () => {
    const who = await member({ password: null })
    expect(await change(who, old, fresh)).toEqual({ outcome: 'wrong' })
    const { passwordChange } = app.services
    expect(await passwordChange.setFirstPassword(who.id, fresh, { origin: who.origin })).toMatchObject({
      hasPassword: true,
    })
    await expect(
      passwordChange.setFirstPassword(who.id, fresh, { origin: who.origin }),
    ).rejects.toMatchObject({
      kind: 'conflict',
      code: 'password_exists',
    })
    await rp.tokens({ who: { ...who, password: fresh } })
  })

  it('is taken off where mail still signs in, and only there', async () => {
    const who = await member()
    const { passwordChange } = app.services
    expect(await passwordChange.removePassword(who.id, { origin: who.origin })).toMatchObject({
      hasPassword: false,
    })
    await expect(rp.tokens({ who })).rejects.toThrow('401')
    expect(await factsOf(who)).toContain('account.password_removed')
    expect((await app.mails.next(who.email)).subject).toBe('Your Foyer password was removed')

    for (let turn = 1; turn < 5; turn += 1) {
      await passwordChange.setFirstPassword(who.id, fresh, { origin: who.origin })
      await passwordChange.removePassword(who.id, { origin: who.origin })
    }
    await passwordChange.setFirstPassword(who.id, fresh, { origin: who.origin })
    await expect(passwordChange.removePassword(who.id, { origin: who.origin })).rejects.toMatchObject({
      kind: 'rate_limited',
    })

    const unproven = await member({ verified: false })
    await expect(
      passwordChange.removePassword(unproven.id, { origin: unproven.origin }),
    ).rejects.toMatchObject({
      kind: 'conflict',
      code: 'password_needed',
    })
    await rp.tokens({ who: unproven })
  })
})

describe('another address', () => {
  const begin = (who: Member, email: string) =>
    app.services.emailChange.start({ accountId: who.id, email, origin: who.origin, language: 'en' })
  const confirm = (who: Member, flow: string, code: string) =>
    app.services.emailChange.confirm({ flow }, code, { accountId: who.id, origin: who.origin })
  const wrongOf = (code: string) => String((Number(code) + 1) % 1_000_000).padStart(6, '0')

  it('is proven by the code mailed to it; both addresses hear of the move', async () => {
    const who = await member()
    const to = `Moved.${count}@Example.Test`
    const { flow } = await begin(who, to)
    const code = codeIn(await app.mails.next(`Moved.${count}@example.test`))
    expect(await confirm(who, flow, code)).toMatchObject({
      outcome: 'changed',
      account: { email: `Moved.${count}@example.test`, emailCanonical: `moved.${count}@example.test` },
    })
    for (const address of [who.email, `Moved.${count}@example.test`]) {
      expect((await app.mails.next(address)).text).toContain(who.email)
    }
    await expect(rp.tokens({ who })).rejects.toThrow('401')
    await rp.tokens({ who: { ...who, email: to } })
    expect(await factsOf(who)).toContain('account.email_changed')
    expect(await confirm(who, flow, code)).toMatchObject({ outcome: expect.stringMatching(/gone|blocked/) })
  })

  it('that had enough mails has no code to guess either, whichever account asks', async () => {
    const to = `wanted-${count}@example.test`
    const codes = []
    for (let turn = 0; turn < 6; turn += 1) {
      const who = await member()
      const { id } = await begin(who, to)
      codes.push((await app.services.challenges.view({ id }))?.carries)
    }
    expect(codes).toEqual(['code', 'code', 'code', 'code', 'code', 'nothing'])
  })

  it('that somebody has is answered alike, and only its mailbox is told', async () => {
    const [who, other] = [await member(), await member()]
    const taken = await begin(who, other.email)
    const free = await begin(who, `free-${count}@example.test`)
    expect(Object.keys(taken)).toEqual(Object.keys(free))
    expect((await app.mails.next(other.email)).subject).not.toMatch(/\d{6}/)
  })

  it('waits longer after each wrong code, right ones included, and for this person alone', async () => {
    const who = await member()
    const { flow } = await begin(who, `slow-${count}@example.test`)
    const code = codeIn(await app.mails.next(`slow-${count}@example.test`))
    expect(await confirm(who, flow, wrongOf(code))).toEqual({ outcome: 'wrong' })
    expect(await confirm(who, flow, wrongOf(code))).toEqual({ outcome: 'wrong' })
    expect(await confirm(who, flow, code)).toMatchObject({ outcome: 'blocked' })
    await app.advance(61)
    expect(await confirm(who, flow, code)).toMatchObject({ outcome: 'changed' })
  })

  it("is nobody else's to confirm, and dies with a change of the password", async () => {
    const [who, other] = [await member(), await member()]
    const { flow } = await begin(who, `mine-${count}@example.test`)
    const code = codeIn(await app.mails.next(`mine-${count}@example.test`))
    expect(await confirm(other, flow, code)).toEqual({ outcome: 'wrong' })
    await change(who, old, fresh)
    expect(await confirm(who, flow, code)).toMatchObject({ outcome: 'gone' })
  })

  it('that two confirm at once goes to one', async () => {
    const [first, second] = [await member(), await member()]
    const to = `wanted-${count}@example.test`
    const flows = [await begin(first, to), await begin(second, to)]
    const codes = [codeIn(await app.mails.next(to)), codeIn(await app.mails.next(to))]
    const answers = await Promise.all(
      [first, second].map((who, at) =>
        confirm(who, flows[at]?.flow ?? '', codes[at] ?? '').then(
          ({ outcome }) => outcome,
          (error: { code?: string }) => error.code,
        ),
      ),
    )
    expect(answers.sort()).toEqual(['changed', 'email_taken'])
  })
})

describe('somebody brought along from another system', () => {
  it.each([
    ['bcrypt', hashSync(old, 6)],
    [
      'PBKDF2',
      '$pbkdf2-sha256$80000$TmFDbA$TdzY9guYviGDDO5e8icB.WQaRBjQTAQUrv8Ih2s0q1ah1CWhIlgzVJrbhBtRybMXaicr3ruh0HhHj2Kzl/M8jQ',
    ],
  ])('signs in by the hash of %s, which is then one of ours', async (kind, stored) => {
    const who = await member()
    const password = kind === 'PBKDF2' ? 'Password' : old
    const where = { where: { id: who.id } }
    const { account } = app.services.db.prisma
    await account.update({ ...where, data: { passwordHash: stored } })
    await expect(rp.tokens({ who: { ...who, password: 'a-wrong-guess-0001' } })).rejects.toThrow('401')
    expect((await account.findUnique(where))?.passwordHash).toBe(stored)

    await rp.tokens({ who: { ...who, password } })
    expect((await account.findUnique(where))?.passwordHash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    await rp.tokens({ who: { ...who, password } })
  })
})
