// Recovery beneath its pages: what its codes, links and tickets are good for, when they are not any more, and what a
// stranger can tell from asking. The pages are recovery.test.ts.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rates } from '../../src/config/limits.ts'
import type { Origin } from '../../src/features/challenges/schema.ts'
import { type TestApp, testHooks } from '../support/app.ts'
import { codeIn, linkIn, type Mailbox, startMailingApp } from '../support/mailbox.ts'
import { createRp, type Rp } from '../support/rp.ts'

let app: TestApp & { mails: Mailbox }
let rp: Rp
beforeAll(async () => {
  app = await startMailingApp({ env: testHooks })
  rp = createRp(app.issuer)
})
afterAll(() => app.close())

let count = 0
const fresh = 'a-brand-new-password-41'

/** Each at an address of their own, so that limits of addresses are met where a test is about them only. */
const originOf = (turn: number): Origin => ({
  address: `198.51.${Math.floor(turn / 250)}.${turn % 250}`,
  addressPrefix: `198.51.${Math.floor(turn / 250)}.${turn % 250}/32`,
  requestId: `request-${turn}`,
  device: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
})

async function member({ verified = true }: { verified?: boolean } = {}) {
  count += 1
  const who = { email: `forgets-${count}@example.test`, password: 'the-old-password-of-mine' }
  const account = await app.services.accounts.create({ kind: 'system' }, { ...who, emailVerified: verified })
  return { ...who, id: account.id, origin: originOf(count) }
}

const words = () => ({ language: 'en', linkUrl: `${app.issuer}/recover` })
const start = (email: string, origin: Origin) => app.services.recovery.start({ email, origin, ...words() })
const tokenOf = (link: string) => new URL(link).searchParams.get('token') ?? ''

async function asked() {
  const who = await member()
  const { flow } = await start(who.email, who.origin)
  const mail = await app.mails.next(who.email)
  return { ...who, flow, code: codeIn(mail), token: tokenOf(linkIn(mail)), mail }
}
type Asked = Awaited<ReturnType<typeof asked>>

const gone = { kind: 'gone', code: 'link_spent' }
const wrongOf = (code: string) => String((Number(code) + 1) % 1_000_000).padStart(6, '0')
const byCode = ({ flow, origin }: Asked, code: string, password = fresh) =>
  app.services.recovery.resetByCode({ flow }, code, { password, origin })
const byLink = ({ origin }: Asked, token: string, password = fresh) =>
  app.services.recovery.resetByLink(token, password, origin)

describe('one mail', () => {
  it('holds a code and a link, in words that say how long they last', async () => {
    const { mail, code, token } = await asked()
    expect(mail.subject).toContain(code)
    expect(mail.text).toContain(code)
    expect(mail.text).toContain('within 10 minutes')
    expect(token).toMatch(/^foyer_recovery_[\w-]{43}$/)
  })

  it('is good once: the code ends the link, and the link ends the code', async () => {
    const first = await asked()
    expect(await byCode(first, first.code)).toMatchObject({ outcome: 'reset', account: { id: first.id } })
    await expect(byLink(first, first.token)).rejects.toMatchObject(gone)
    expect(await app.services.recovery.peekLink(first.token)).toEqual({ state: 'expired' })

    const second = await asked()
    expect(await byLink(second, second.token)).toMatchObject({ id: second.id })
    expect(await byCode(second, second.code)).toMatchObject({ outcome: 'gone' })
    expect(await app.services.recovery.peekLink(second.token)).toEqual({ state: 'used' })
    await expect(byLink(second, second.token)).rejects.toMatchObject(gone)
  })

  it('is looked at as often as anybody likes', async () => {
    const one = await asked()
    for (let look = 0; look < 100; look += 1) {
      expect(await app.services.recovery.peekLink(one.token)).toMatchObject({
        state: 'live',
        emailMasked: 'f•••@example.test',
      })
    }
    await byLink(one, one.token)
  })

  it('gives a ticket for the right code, and none for another purpose, flow or wrong code', async () => {
    const one = await asked()
    const other = await asked()
    const { recovery } = app.services
    expect(await recovery.checkCode({ flow: one.flow }, wrongOf(one.code), one.origin)).toEqual({
      outcome: 'wrong',
    })
    expect(await recovery.checkCode({ flow: other.flow }, one.code, one.origin)).toEqual({ outcome: 'wrong' })
    expect(await recovery.checkCode({ flow: 'unknown' }, one.code, one.origin)).toEqual({ outcome: 'wrong' })

    const checked = await recovery.checkCode(
      { flow: one.flow },
      ` ${one.code.slice(0, 3)}-${one.code.slice(3)} `,
      one.origin,
    )
    if (checked.outcome !== 'right') throw new Error(checked.outcome)
    await expect(recovery.resetByTicket(checked.ticket, 'short', one.origin)).rejects.toMatchObject({
      kind: 'invalid',
      details: { errors: [{ code: 'password_too_short' }] },
    })
    expect(await recovery.resetByTicket(checked.ticket, fresh, one.origin)).toMatchObject({ id: one.id })
    await expect(recovery.resetByTicket(checked.ticket, fresh, one.origin)).rejects.toMatchObject(gone)
  })
})

describe('a refused password', () => {
  it.each([
    ['too short', () => 'short', 'password_too_short'],
    ['common', () => 'Password2026', 'password_common'],
    ['their own name', ({ email }: Asked) => `it-is-${email.split('@')[0]}`, 'password_contains_name'],
  ])('leaves the code and the link usable: %s', async (_, passwordOf, code) => {
    const one = await asked()
    const refused = { kind: 'invalid', details: { errors: [{ pointer: '/password', code }] } }
    await expect(byLink(one, one.token, passwordOf(one))).rejects.toMatchObject(refused)
    await expect(byCode(one, one.code, passwordOf(one))).rejects.toMatchObject(refused)
    expect(await app.services.recovery.peekLink(one.token)).toMatchObject({ state: 'live' })
    expect(await byCode(one, one.code)).toMatchObject({ outcome: 'reset' })
  })
})

describe('a reset', () => {
  it('ends sessions and tokens, verifies the address, forgets failures, tells the owner and the log', async () => {
    const who = await member({ verified: false })
    const before = await rp.tokens({ who })
    const failing = {
      key: `login.account:${who.id}`,
      tat: new Date(),
      failures: 99,
      expiresAt: new Date(2e12),
    }
    await app.services.db.prisma.rateLimit.upsert({
      where: { key: failing.key },
      create: failing,
      update: failing,
    })
    const { flow } = await start(who.email, who.origin)
    const code = codeIn(await app.mails.next(who.email))
    await app.services.recovery.resetByCode({ flow }, code, { password: fresh, origin: who.origin })

    expect((await rp.refresh(before.refresh_token ?? '')).status).toBe(400)
    const { db, accounts } = app.services
    expect(await db.prisma.session.count({ where: { accountId: who.id } })).toBe(0)
    expect(await db.prisma.grant.count({ where: { accountId: who.id } })).toBe(0)
    expect(await db.prisma.rateLimit.findUnique({ where: { key: failing.key } })).toBeNull()
    expect((await accounts.get(who.id)).emailVerifiedAt).not.toBeNull()
    const notice = await app.mails.next(who.email)
    expect(notice.text).toContain(who.origin.address)
    expect(notice.text).toContain('Firefox')
    const facts = await db.prisma.auditEvent.findMany({
      where: { accountId: who.id },
      select: { type: true },
    })
    expect(facts.map(({ type }) => type)).toContain('account.recovered')
    await rp.tokens({ who: { ...who, password: fresh } })
  })

  it.each([
    [
      'the password',
      (id: string) => app.services.accounts.setPassword({ kind: 'operator' }, id, 'set-by-an-operator-22'),
    ],
    [
      'the address',
      (id: string) =>
        app.services.db.prisma.account.update({
          where: { id },
          data: { email: `moved-${id}@example.test`, emailCanonical: `moved-${id}@example.test` },
        }),
    ],
    ['the status', (id: string) => app.services.accounts.disable({ kind: 'operator' }, id)],
  ])('comes too late once %s was changed', async (_, change) => {
    const one = await asked()
    await change(one.id)
    await expect(byLink(one, one.token)).rejects.toMatchObject(gone)
    expect(await app.services.recovery.peekLink(one.token)).toEqual({ state: 'expired' })
  })

  it('waits for nothing but a person: system accounts and disabled ones are mailed nothing to reset', async () => {
    const disabled = await member()
    await app.services.accounts.disable({ kind: 'operator' }, disabled.id)
    await start(disabled.email, disabled.origin)
    expect(linkIn(await app.mails.next(disabled.email))).toBe('')
    expect(await app.services.db.prisma.recoveryLink.count({ where: { accountId: disabled.id } })).toBe(0)
  })
})

describe('time', () => {
  it('leaves a link 15 minutes, a code 10 and a ticket 5', async () => {
    const link = await asked()
    const late = await asked()
    const { recovery } = app.services
    await app.advance(599)
    const checked = await recovery.checkCode({ flow: link.flow }, link.code, link.origin)
    if (checked.outcome !== 'right') throw new Error(checked.outcome)
    await app.advance(2)
    expect(await recovery.checkCode({ flow: late.flow }, late.code, late.origin)).toMatchObject({
      outcome: 'gone',
    })
    await app.advance(290)
    expect(await recovery.peekLink(late.token)).toMatchObject({ state: 'live' })
    expect(await recovery.peekLink(checked.ticket)).toMatchObject({ state: 'live' })
    await app.advance(12)
    expect(await recovery.peekLink(late.token)).toEqual({ state: 'expired' })
    await expect(byLink(late, late.token)).rejects.toMatchObject(gone)
    await expect(recovery.resetByTicket(checked.ticket, fresh, link.origin)).rejects.toMatchObject(gone)
  })
})

describe('asking again and again', () => {
  it('keeps three links alive, turns to links alone after five mails, and to none after three of those', async () => {
    const who = await member()
    const kinds: string[] = []
    const tokens: string[] = []
    for (let turn = 1; turn <= 10; turn += 1) {
      const started = await start(who.email, originOf(1000 + turn))
      expect(Object.keys(started).sort()).toEqual(['expiresAt', 'flow', 'id', 'resendAt'])
      const [mail] = await app.mails.rest(who.email)
      kinds.push(mail === undefined ? 'none' : /\d{6}/.test(mail.subject) ? 'code' : 'link')
      if (mail) tokens.push(tokenOf(linkIn(mail)))
    }
    expect(kinds).toEqual([...Array(5).fill('code'), ...Array(3).fill('link'), 'none', 'none'])
    const states = await Promise.all(
      tokens.map(async (token) => (await app.services.recovery.peekLink(token)).state),
    )
    expect(states).toEqual([...Array(5).fill('expired'), ...Array(3).fill('live')])
    await app.services.recovery.resetByLink(tokens.at(-1) ?? '', fresh, who.origin)
  })

  it('is slowed down by where the asking comes from, whoever is asked for', async () => {
    const origin = originOf(5000)
    const { clock, db } = app.services
    const full = new Date(clock.millis() + rates['mail.address'].periodMs)
    const bucket = { key: `mail.address:${origin.addressPrefix}`, tat: full, failures: 1, expiresAt: full }
    await db.prisma.rateLimit.create({ data: bucket })
    for (const email of ['nobody-at-all@example.test', 'grace@example.test']) {
      await expect(start(email, origin)).rejects.toMatchObject({ kind: 'rate_limited' })
      await start(email, originOf(5001))
    }
  })

  it('compares five codes of one flow, and then none', async () => {
    const one = await asked()
    for (let guess = 0; guess < 5; guess += 1) {
      expect(await byCode(one, wrongOf(one.code))).toEqual({ outcome: 'wrong' })
    }
    expect(await byCode(one, one.code)).toMatchObject({ outcome: 'gone' })
    expect(await byLink(one, one.token)).toMatchObject({ id: one.id })
  })

  it('sends another mail with the same code and a link of its own, not before its time', async () => {
    const one = await asked()
    const { recovery } = app.services
    expect(await recovery.resend({ flow: one.flow }, one.origin, words())).toMatchObject({
      outcome: 'too_early',
    })
    await app.advance(31)
    expect(await recovery.resend({ flow: one.flow }, one.origin, words())).toMatchObject({ outcome: 'sent' })
    const again = await app.mails.next(one.email)
    expect(again.text).toContain('within 10 minutes')
    expect(codeIn(again)).toBe(one.code)
    expect(tokenOf(linkIn(again))).not.toBe(one.token)
    expect(await recovery.resend({ flow: 'unknown' }, one.origin, words())).toEqual({ outcome: 'gone' })
  })
})

describe('a stranger', () => {
  it('is answered alike for a known and an unknown address, by as many statements', async () => {
    const who = await member()
    const nobody = `never-was-${count}@example.test`
    const shapes: string[] = []
    const sent: string[][] = []
    for (const email of [who.email, nobody]) {
      app.statements()
      const started = await start(email, originOf(6000))
      sent.push(app.statements().filter((name) => !/^(BEGIN|COMMIT|DEALLOCATE)/.test(name)))
      shapes.push(
        JSON.stringify(
          Object.entries(started).map(([name, value]) => [name, typeof value, String(value).length]),
        ),
      )
    }
    expect(shapes[0]).toBe(shapes[1])
    expect(sent[0]?.length).toBe(sent[1]?.length)
    const mail = await app.mails.next(nobody)
    expect(mail.subject).not.toMatch(/\d{6}/)
    expect(linkIn(mail)).toBe('')
  })

  it('is told that what they typed is no address', async () => {
    await expect(start('no address', originOf(6001))).rejects.toMatchObject({
      kind: 'invalid',
      details: { errors: [{ pointer: '/email', code: 'email_invalid' }] },
    })
  })
})
