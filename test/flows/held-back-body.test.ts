// Whoever sends the header of a request and holds its body back is asked who they are when the body is there: a session
// that ended meanwhile changes nothing any more.
import { once } from 'node:events'
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type TestApp, testHooks } from '../support/app.ts'
import { createDoor, type DoorBody } from '../support/door.ts'
import { codeIn, type Mailbox, startMailingApp } from '../support/mailbox.ts'
import { createRp } from '../support/rp.ts'

let app: TestApp & { mails: Mailbox }
let door: ReturnType<typeof createDoor>
beforeAll(async () => {
  app = await startMailingApp({ env: { ...testHooks, FOYER_REGISTRATION: 'open' } })
  door = createDoor(app.issuer)
})
afterAll(() => app.close())

const password = 'known-to-the-stranger-only'
/** Long enough for a header to be looked at. */
const lookMs = 300

type Held = { method: string; path: string; headers: Record<string, string>; body: string }

/** A request of which all but the last byte is sent; `finish` sends that one and gives the status. */
async function held({ method, path, headers, body }: Held) {
  const all = { ...headers, 'content-length': String(body.length), origin: app.issuer }
  const outgoing = request(`${app.issuer}${path}`, { method, headers: all })
  const answered = once(outgoing, 'response')
  outgoing.write(body.slice(0, -1))
  await sleep(lookMs)
  return async (): Promise<number> => {
    outgoing.end(body.slice(-1))
    const [response] = await answered
    response.resume()
    return response.statusCode
  }
}

let count = 0
/** An account at an address that nobody has proved, its stranger in a browser and in an app. */
async function squatted() {
  count += 1
  const email = `owner-${count}@example.test`
  const { body } = await door.post('/auth/register', { email, password })
  const { person } = await createRp(app.issuer).tokens({ who: { email, password } })
  await app.mails.rest(email)
  return { email, tokens: body, cookie: person.cookiesFor(`${app.issuer}/account`) }
}

async function prove(email: string): Promise<void> {
  const { body } = await door.post('/auth/passwordless/start', { email, method: 'code' })
  const code = codeIn(await app.mails.next(email, /\d{6}/))
  expect((await door.post('/auth/passwordless/verify', { flow: body.flow, code })).status).toBe(200)
}

const form = (cookie: string, fields: Record<string, string>) => ({
  headers: { cookie, 'content-type': 'application/x-www-form-urlencoded' },
  body: new URLSearchParams(fields).toString(),
})
const json = ({ access_token }: DoorBody, value: unknown) => ({
  headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' },
  body: JSON.stringify(value),
})
type Squatted = Awaited<ReturnType<typeof squatted>>
const post = 'POST'

it.each<[string, (by: Squatted) => Held]>([
  [
    'sets no password',
    ({ cookie }) => ({ method: post, path: '/account/password/first', ...form(cookie, { password }) }),
  ],
  [
    'names nobody on the pages',
    ({ cookie }) => ({ method: post, path: '/account', ...form(cookie, { name: 'Squatter' }) }),
  ],
  [
    'names nobody through the door',
    ({ tokens }) => ({ method: 'PATCH', path: '/auth/me', ...json(tokens, { name: 'Squatter' }) }),
  ],
  [
    'deletes nothing',
    ({ cookie, email }) => ({ method: post, path: '/account/delete', ...form(cookie, { confirm: email }) }),
  ],
])('a stranger whose request was on its way when the owner came: %s', async (_, ask) => {
  const by = await squatted()
  const finish = await held(ask(by))
  await prove(by.email)
  expect([303, 401]).toContain(await finish())
  const account = await app.services.accounts.findByIdentifier(by.email)
  expect([account?.status, account?.hasPassword, account?.profile]).toEqual(['active', false, {}])
})

it('a stranger whose request was on its way when the owner came: has no address proved', async () => {
  const { cookie, email } = await squatted()
  const elsewhere = `stranger-${count}@elsewhere.example`
  const finish = await held({ method: post, path: '/account/email', ...form(cookie, { email: elsewhere }) })
  await prove(email)
  expect(await finish()).toBe(303)
  expect(await app.mails.rest(elsewhere)).toEqual([])
})
