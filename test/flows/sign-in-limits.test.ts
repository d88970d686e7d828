// The limits of guessing, as somebody at the front door meets them (security.md §4f). The arithmetic has tests of its own.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { unavailable } from '../../src/kernel/errors.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { createPerson, type Page, type Person } from '../support/browser-less.ts'
import { ada, createRp, grace, type Rp } from '../support/rp.ts'

let app: TestApp
let rp: Rp
beforeAll(async () => {
  app = await startApp({ env: { FOYER_TRUSTED_PROXY_HOPS: '1' } })
  rp = createRp(app.issuer)
})
afterAll(() => app.close())

/** A browser at an address of its own, as the one proxy in front sees it. */
const personAt = (address: string) => createPerson({ headers: { 'x-forwarded-for': address } })

async function tryPassword(
  person: Person,
  who: { email: string; password: string },
): Promise<Page | { left: URL }> {
  const page = await person.open(rp.authorizeUrl({ prompt: 'login' }).url)
  return person.submit(page, who)
}
async function guess(person: Person, email: string): Promise<number> {
  const answer = await tryPassword(person, { email, password: 'a-wrong-guess-0001' })
  return 'left' in answer ? 0 : answer.status
}
const succeeds = async (person: Person, who: typeof ada) => 'left' in (await tryPassword(person, who))

describe('after ten wrong passwords', () => {
  it('the next one waits, told when, and the known device of the person does not', async () => {
    const known = personAt('198.51.100.1')
    expect(await succeeds(known, ada)).toBe(true)

    // From ever new addresses and however the name is written, it is one count
    const spellings = [ada.email, 'ADA@example.test', ' ada@example.test', 'Ada@Example.Test']
    for (let count = 0; count < 10; count += 1) {
      expect(await guess(personAt(`203.0.113.${count}`), spellings[count % spellings.length] ?? '')).toBe(401)
    }
    const answer = await tryPassword(personAt('203.0.113.99'), {
      email: ada.email,
      password: 'another-guess-0001',
    })
    if ('left' in answer) throw new Error('guessed')
    expect(answer.status).toBe(429)
    const wait = Number(answer.headers.get('retry-after'))
    expect(wait).toBeGreaterThan(0)
    expect(wait).toBeLessThanOrEqual(120)
    expect(answer.html).toMatch(
      /You can try again at <time datetime="\d{4}-\d\d-\d\dT[^"]+" data-local>\d\d:\d\d UTC/,
    )
    expect(answer.html).not.toContain('another-guess-0001')

    // A stranger with the right password waits too, or the answer would tell it
    const stranger = await tryPassword(personAt('203.0.113.98'), ada)
    expect('left' in stranger ? 'left' : stranger.status).toBe(429)
    expect(await succeeds(known, ada)).toBe(true)
    expect(await app.auditTypes()).toContain('authn.limited')
  })

  it('a known device has a count of its own', async () => {
    const known = personAt('198.51.100.2')
    expect(await succeeds(known, grace)).toBe(true)
    for (let count = 0; count < 10; count += 1) expect(await guess(known, grace.email)).toBe(401)
    expect(await guess(known, grace.email)).toBe(429)
    expect(await succeeds(personAt('198.51.100.3'), grace)).toBe(true)
  })

  it('an unknown person is limited in the same way', async () => {
    const answers: number[] = []
    for (let count = 0; count < 11; count += 1) {
      answers.push(await guess(personAt(`192.0.2.${count}`), 'nobody@example.test'))
    }
    expect(answers).toEqual([...Array<number>(10).fill(401), 429])
  })
})

describe('thirty failures from one address', () => {
  it('make that address wait, whoever is tried, and no other', async () => {
    const here = '2001:db8:1:2::1'
    const statuses: number[] = []
    for (let count = 0; count < 31; count += 1) {
      // What the client itself claims stands further left and counts for nothing; a /64 is one address
      const claimed = `10.0.0.${count}, 2001:db8:1:2::${(count + 2).toString(16)}`
      statuses.push(
        await guess(createPerson({ headers: { 'x-forwarded-for': claimed } }), `p${count}@example.test`),
      )
    }
    expect(statuses).toEqual([...Array<number>(30).fill(401), 429])
    expect(await guess(personAt(here), 'p99@example.test')).toBe(429)
    expect(await guess(personAt('2001:db8:1:3::1'), 'p99@example.test')).toBe(401)
  })

  it('succeeding does not buy guesses at others', async () => {
    const here = '203.0.113.200'
    const own = { email: 'own@example.test', password: 'a-password-of-their-own' }
    await app.services.accounts.create({ kind: 'system' }, own)
    for (let count = 0; count < 28; count += 1)
      expect(await guess(personAt(here), `q${count}@example.test`)).toBe(401)
    for (let count = 0; count < 5; count += 1) expect(await succeeds(personAt(here), own)).toBe(true)
    expect(await guess(personAt(here), 'q97@example.test')).toBe(401)
    expect(await guess(personAt(here), 'q98@example.test')).toBe(401)
    expect(await guess(personAt(here), 'q99@example.test')).toBe(429)
  })
})

describe('sixty guesses at once', () => {
  it('are not compared more often than the limit allows', async () => {
    const email = 'target@example.test'
    await app.services.accounts.create({ kind: 'system' }, { email, password: 'a-password-of-their-own' })
    const before = (await app.auditTypes()).filter((type) => type === 'authn.failed').length
    const statuses = await Promise.all(
      Array.from({ length: 60 }, (_, index) => guess(personAt(`198.18.0.${index}`), email)),
    )
    const compared = (await app.auditTypes()).filter((type) => type === 'authn.failed').length - before
    expect(compared).toBe(10)
    expect(statuses.filter((status) => status === 429)).toHaveLength(50)
  })
})

describe('attempts that a full hash queue turns away', () => {
  const wrongBefore = 4
  const own = (name: string) => ({ email: `${name}@example.test`, password: 'a-password-of-their-own' })
  /** The queue stays full for as long as this takes. */
  async function whileBusy(work: () => Promise<void>): Promise<void> {
    const { passwords } = app.services
    const { verify } = passwords
    Object.assign(passwords, { verify: () => Promise.reject(unavailable('busy')) })
    await work().finally(() => Object.assign(passwords, { verify }))
  }
  async function retry(person: Person, email: string, times: number): Promise<number[]> {
    const statuses: number[] = []
    await whileBusy(async () => {
      for (let count = 0; count < times; count += 1) statuses.push(await guess(person, email))
    })
    return statuses
  }

  it('count against nobody, on a device that is known and on one that is not', async () => {
    const who = own('patient')
    await app.services.accounts.create({ kind: 'system' }, who)
    const person = personAt('198.51.100.50')
    // Together more than the address may fail
    for (const _ of ['unknown', 'known']) {
      expect(await retry(person, who.email, 20)).toEqual(Array<number>(20).fill(503))
      expect(await succeeds(person, who)).toBe(true)
    }
  })

  it('ask the database for nothing but their page when the queue is full as they arrive', async () => {
    const { passwords } = app.services
    const { assertRoom } = passwords
    const person = personAt('198.51.100.52')
    const page = await person.open(rp.authorizeUrl({ prompt: 'login' }).url)
    Object.assign(passwords, {
      assertRoom: () => {
        throw unavailable('busy')
      },
    })
    app.statements()
    const answer = await person.submit(page, grace).finally(() => Object.assign(passwords, { assertRoom }))
    expect('left' in answer ? 0 : answer.status).toBe(503)
    expect(app.statements()).toEqual(['find_interaction'])
    expect(await succeeds(person, grace)).toBe(true)
  })

  it('reset nothing either: wrong passwords before them stay counted, for the person and for the address', async () => {
    const who = own('guessed')
    await app.services.accounts.create({ kind: 'system' }, who)
    const here = personAt('198.51.100.51')
    for (let count = 0; count < wrongBefore; count += 1) expect(await guess(here, who.email)).toBe(401)
    expect(await retry(here, who.email, 20)).toEqual(Array<number>(20).fill(503))

    const further: number[] = []
    for (let count = wrongBefore; count < 11; count += 1) further.push(await guess(here, who.email))
    expect(further).toEqual([...Array<number>(10 - wrongBefore).fill(401), 429])
    const rest: number[] = []
    // The refused one above was spent by its address
    for (let count = 11; count < 31; count += 1) rest.push(await guess(here, `r${count}@example.test`))
    expect(rest).toEqual([...Array<number>(19).fill(401), 429])
  })
})
