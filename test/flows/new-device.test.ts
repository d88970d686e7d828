// Whoever signed in before is told of a sign-in on a device that their account does not know.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { createPerson, type Person } from '../support/browser-less.ts'
import { mailsTo, mailTo } from '../support/mails.ts'
import { ada, createRp, grace, type Rp } from '../support/rp.ts'

const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'

let app: TestApp
let rp: Rp
beforeAll(async () => {
  app = await startApp({ env: { ...testHooks, FOYER_LOGIN_LAYOUT: 'single' }, jobs: true })
  rp = createRp(app.issuer)
})
afterAll(() => app.close())

const lastSeen = async (email: string): Promise<Date | null> => {
  const [row] = await app.services.db.query<{ last_seen_at: Date | null }>({
    text: 'SELECT last_seen_at FROM accounts WHERE email = $1',
    values: [email],
  })
  return row?.last_seen_at ?? null
}

/** Mails go one after another: once one to somebody else is there, nothing is left on its way. */
async function allDelivered(): Promise<void> {
  const to = `last-${app.services.clock.millis()}@example.test`
  const expiresAt = new Date(app.services.clock.millis() + 60_000)
  await app.services.db.inTransaction((tx) =>
    app.services.outbox.enqueue(tx, {
      to,
      language: 'en',
      template: 'account_restored',
      values: {},
      expiresAt,
    }),
  )
  await mailTo(app, to)
}

const signsInAnew = () => rp.signIn({ person: createPerson({ headers: { 'user-agent': firefox } }) })

describe('a sign-in', () => {
  it('is noted, and the very first one causes no notice', async () => {
    expect(await lastSeen(ada.email)).toBeNull()
    const { person } = await rp.signIn()
    expect((await lastSeen(ada.email))?.getTime()).toBeGreaterThan(app.services.clock.millis() - 60_000)

    await rp.signIn({ person, params: { prompt: 'login' } })
    await allDelivered()
    expect(mailsTo(app, ada.email)).toEqual([])
  })

  it('on a new device is told to the person, with the device, the address and the time', async () => {
    await signsInAnew()
    const mail = await mailTo(app, ada.email)
    expect(mail.subject).toBe('A new device signed in to your Foyer account')
    expect(mail.text).toContain('Device: Firefox on Linux')
    expect(mail.text).toContain('Address: 127.0.0.1')
    expect(mail.text).toMatch(/Time: .* UTC/)
    expect(await app.auditTypes()).toContain('authn.new_device')
  })

  it('on many new devices is told once an hour', async () => {
    await Promise.all(Array.from({ length: 5 }, signsInAnew))
    await allDelivered()
    expect(mailsTo(app, ada.email)).toHaveLength(1)

    await app.advance(3_570)
    await signsInAnew()
    await allDelivered()
    expect(mailsTo(app, ada.email)).toHaveLength(1)

    await app.advance(60)
    const seen = await lastSeen(ada.email)
    await Promise.all(Array.from({ length: 8 }, signsInAnew))
    await mailTo(app, ada.email, 2)
    await allDelivered()
    expect(mailsTo(app, ada.email)).toHaveLength(2)
    expect((await lastSeen(ada.email))?.getTime()).toBeGreaterThan(seen?.getTime() ?? Number.NaN)
  })

  it('that is refused is neither noted nor told', async () => {
    await rp.signIn({ who: grace })
    const before = await lastSeen(grace.email)
    const stranger = createPerson()
    const page = await stranger.open(rp.authorizeUrl().url)
    await stranger.submit(page, { email: grace.email, password: 'a-wrong-password' })
    await allDelivered()
    expect(mailsTo(app, grace.email)).toEqual([])
    expect(await lastSeen(grace.email)).toEqual(before)
  })

  it('on a new device costs no round trip more than on a known one, and its mail is there within a second', async () => {
    const walk = async (person: Person) => {
      const page = await person.open(rp.authorizeUrl().url)
      app.statements()
      await person.submit(page, { email: ada.email, password: ada.password })
      return app.statements().length
    }
    const known = createPerson()
    await rp.signIn({ person: known })
    // The device stays known after the session is over
    const session = known.jar.findIndex(({ name }) => name === 'foyer_session')
    known.jar.splice(session, 1)
    const onKnown = await walk(known)
    const waits: number[] = []
    for (let turn = 0; turn < 4; turn += 1) {
      await app.advance(3_700)
      const before = mailsTo(app, ada.email).length
      expect(await walk(createPerson())).toBe(onKnown)
      const walkedAt = performance.now()
      await mailTo(app, ada.email, before + 1)
      waits.push(performance.now() - walkedAt)
    }
    // A busy machine may be late, but not each time
    expect(Math.min(...waits)).toBeLessThan(500)
    const shown = await (await fetch(`${app.issuer}/dev/mail`)).text()
    expect(shown).toContain('A new device signed in to your Foyer account')
  })

  it('is counted by its mails in the metrics', async () => {
    await allDelivered()
    const metrics = await app.services.telemetry.text()
    expect(metrics).toMatch(/^foyer_mails_total\{result="sent"\} [1-9]\d*$/m)
    expect(metrics).toMatch(/^foyer_outbox_pending \d+$/m)
  })
})
