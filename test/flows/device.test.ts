// The device flow (RFC 8628) from outside: the device asks and polls, the person types its code and decides.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { createPerson, formsOf, headingOf, type Person, pageOf } from '../support/browser-less.ts'
import { ada, createRp, grace, type TokenAnswer, type Who } from '../support/rp.ts'

let app: TestApp
beforeAll(async () => {
  app = await startApp({ env: testHooks })
})
afterAll(() => app.close())

const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'
const demoDevice = { client_id: 'demo-device', redirect_uri: '' }
const rp = () => createRp(app.issuer, demoDevice)

type Asked = {
  device_code: string
  user_code: string
  verification_uri: string
  verification_uri_complete: string
  interval: number
}
async function ask(params: Record<string, string> = {}): Promise<Asked> {
  const { status, body } = await rp().post('/oauth2/device', { scope: 'openid profile', ...params })
  expect(status, JSON.stringify(body)).toBe(200)
  return body as unknown as Asked
}
const poll = (device_code: string): Promise<TokenAnswer> =>
  rp().post('/oauth2/token', { grant_type: deviceGrant, device_code })

async function type(person: Person, user_code: string) {
  const page = await person.open(`${app.issuer}/device`)
  return pageOf(await person.submit(page, { user_code }))
}
/** Types the code, signs in where that is asked for, and stands before the question. */
async function claimed(person: Person, user_code: string, who: Who = ada) {
  const page = await type(person, user_code)
  if (!page.html.includes('name="password"')) return page
  const next = pageOf(await person.submit(page, { email: who.email, password: who.password }))
  return next.html.includes('value="allow"')
    ? next
    : pageOf(await person.submit(next, { password: who.password }))
}
const press = async (person: Person, page: Awaited<ReturnType<typeof type>>, value: string) =>
  pageOf(await person.submit(page, {}, { button: { name: 'decision', value } }))

describe('a device', () => {
  it('is signed in once the person has typed its code and said yes', async () => {
    const asked = await ask()
    expect(asked).toMatchObject({
      user_code: expect.stringMatching(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/),
      verification_uri: `${app.issuer}/device`,
      verification_uri_complete: `${app.issuer}/device?user_code=${asked.user_code}`,
      expires_in: 600,
      interval: 5,
    })
    expect((await poll(asked.device_code)).body.error).toBe('authorization_pending')

    const person = createPerson()
    const page = await claimed(person, asked.user_code)
    expect(headingOf(page)).toContain('Demo device')
    expect(page.html).toContain(asked.user_code)
    expect(page.html).toContain('127.0.0.1')
    const done = await press(person, page, 'allow')
    expect(headingOf(done)).toBe('Your device is signed in')

    const { status, body } = await poll(asked.device_code)
    expect(status, JSON.stringify(body)).toBe(200)
    expect(body).toMatchObject({ token_type: 'Bearer', scope: 'openid profile' })
    const seen = await rp().userinfo(body.access_token)
    expect(await seen.json()).toMatchObject({ name: 'Ada King Lovelace' })
    const again = await poll(asked.device_code)
    expect(again.body.error).toBe('invalid_grant')
    expect((await app.auditTypes()).filter((type) => type.startsWith('consent.'))).toContain(
      'consent.granted',
    )
  })

  it('stays signed in when the browser that let it in is signed out', async () => {
    const { device_code, user_code } = await ask({ scope: 'openid offline_access' })
    const person = createPerson()
    await press(person, await claimed(person, user_code), 'allow')
    const { body } = await poll(device_code)
    await person.submit(await person.open(`${app.issuer}/oauth2/logout`))
    expect((await rp().userinfo(body.access_token)).status).toBe(200)
    expect((await rp().refresh(body.refresh_token ?? '')).status).toBe(200)
  })

  it('gets a token for the API that it asked for, and is told when the person signed in', async () => {
    const { device_code, user_code } = await ask({
      scope: 'openid quests:read',
      resource: 'urn:demo:quests',
      max_age: '600',
    })
    const person = createPerson()
    await press(person, await claimed(person, user_code), 'allow')
    const { body } = await poll(device_code)
    const [, access] = body.access_token.split('.')
    expect(JSON.parse(Buffer.from(access ?? '', 'base64url').toString())).toMatchObject({
      aud: 'urn:demo:quests',
      scope: 'quests:read',
    })
    const [, id] = (body.id_token ?? '').split('.')
    const claims = JSON.parse(Buffer.from(id ?? '', 'base64url').toString())
    expect(claims).toMatchObject({ auth_time: expect.any(Number) })
  })

  it('is told to slow down when it asks at once again, and not when it waits', async () => {
    const { device_code } = await ask()
    expect((await poll(device_code)).body.error).toBe('authorization_pending')
    expect(await poll(device_code)).toMatchObject({ status: 400, body: { error: 'slow_down' } })
    await app.advance(5)
    expect((await poll(device_code)).body.error).toBe('authorization_pending')
  })

  it('is told that the person refused', async () => {
    const { device_code, user_code } = await ask()
    const person = createPerson()
    const done = await press(person, await claimed(person, user_code), 'deny')
    expect(headingOf(done)).toBe('The device was not let in')
    expect(await poll(device_code)).toMatchObject({ status: 400, body: { error: 'access_denied' } })
    expect((await poll(device_code)).body.error).toBe('access_denied')
  })

  it('is told that its code has expired, and the person too', async () => {
    const { device_code, user_code } = await ask()
    await app.advance(601)
    expect(await poll(device_code)).toMatchObject({ status: 400, body: { error: 'expired_token' } })
    expect((await type(createPerson(), user_code)).status).toBe(422)
  })

  it('gets nothing by the code of another client, and no code without the grant', async () => {
    const { device_code } = await ask()
    const other = createRp(app.issuer)
    const stolen = await other.post('/oauth2/token', { grant_type: deviceGrant, device_code })
    expect(stolen.status).toBe(400)
    expect((await other.post('/oauth2/device', { scope: 'openid' })).status).toBe(400)
  })

  it('leaves neither of its codes in the database', async () => {
    const { device_code, user_code } = await ask()
    const { allRows } = await import('../support/tables.ts')
    const text = JSON.stringify(await allRows(app.services.db))
    expect(text).not.toContain(device_code)
    expect(text).not.toContain(user_code.replace('-', ''))
  })
})

describe('the code', () => {
  it('is typed by the link and sent by the person alone', async () => {
    const { device_code, user_code, verification_uri_complete } = await ask()
    const page = await createPerson().open(verification_uri_complete)
    expect(formsOf(page)[0]?.fields.user_code).toBe(user_code)
    expect((await poll(device_code)).body.error).toBe('authorization_pending')
  })

  it('is taken in lower case, without its dash and with look-alikes', async () => {
    const { user_code } = await ask()
    const typed = ` ${user_code.toLowerCase().replace('-', ' ').replaceAll('b', '8').replaceAll('s', '5')}`
    expect((await claimed(createPerson(), typed)).html).toContain('value="allow"')
  })

  it.each([
    ['', 422],
    ['BCDF', 422],
    ['BCDF-GHJK', 422],
  ])('%j is refused', async (typed, status) => {
    expect((await type(createPerson(), typed)).status).toBe(status)
  })

  it('belongs to the browser that typed it first', async () => {
    const { user_code } = await ask()
    await claimed(createPerson(), user_code)
    expect((await type(createPerson(), user_code)).status).toBe(422)
  })

  it('is approved by nobody but the session that claimed it', async () => {
    const { device_code, user_code } = await ask()
    const first = createPerson()
    await claimed(first, user_code)
    // The claim itself in another person's browser, as a neighbour of our host could plant it
    const thief = createPerson()
    await claimed(thief, (await ask()).user_code, grace)
    const claim = first.jar.find(({ name }) => name === 'foyer_device_claim')
    const planted = thief.jar.find(({ name }) => name === 'foyer_device_claim')
    if (!claim || !planted) throw new Error('no claim')
    planted.value = claim.value
    const answer = await thief.request(`${app.issuer}/device/request`, {
      method: 'POST',
      body: new URLSearchParams({ decision: 'allow' }),
      headers: { origin: app.issuer },
    })
    expect(answer.status).toBe(410)
    await app.advance(5)
    expect((await poll(device_code)).body.error).toBe('authorization_pending')
  })

  it('is decided without a claim by nobody', async () => {
    const person = createPerson()
    const answer = await person.request(`${app.issuer}/device/request`, {
      method: 'POST',
      body: new URLSearchParams({ decision: 'allow' }),
      headers: { origin: app.issuer },
    })
    expect(answer.status).toBe(410)
  })

  it('is refused from another site, and to a decision that is none', async () => {
    const person = createPerson()
    const { user_code } = await ask()
    const page = await claimed(person, user_code)
    const post = (body: Record<string, string>, origin: string) =>
      person.request(`${app.issuer}/device/request`, {
        method: 'POST',
        body: new URLSearchParams(body),
        headers: { origin },
      })
    expect((await post({ decision: 'allow' }, 'https://evil.example')).status).toBe(403)
    expect((await post({ decision: 'maybe' }, app.issuer)).status).toBe(400)
    expect(headingOf(await press(person, page, 'allow'))).toBe('Your device is signed in')
    expect((await post({ decision: 'allow' }, app.issuer)).status).toBe(410)
  })

  it('is for whoever the person switches to, typed once more', async () => {
    const { device_code, user_code } = await ask()
    const person = createPerson()
    const page = await claimed(person, user_code)
    const signIn = await press(person, page, 'switch')
    const typed = pageOf(await person.submit(signIn, grace))
    const input = typed.html.includes('user_code') ? typed : pageOf(await person.submit(typed, grace))
    expect(formsOf(input)[0]?.fields.user_code).toBe(user_code)
    await press(person, pageOf(await person.submit(input)), 'allow')
    const { body } = await poll(device_code)
    expect(await (await rp().userinfo(body.access_token)).json()).toMatchObject({ name: 'Grace Hopper' })
  })

  it('asks for a new sign-in when the app wants a younger one', async () => {
    const person = createPerson()
    await claimed(person, (await ask()).user_code)
    await app.advance(120)
    const { device_code, user_code } = await ask({ max_age: '60' })
    expect((await claimed(person, user_code)).html).toContain('value="allow"')
    expect((await poll(device_code)).body.error).toBe('authorization_pending')
  })

  it('lets no device in that is not for this person, whatever they press', async () => {
    await app.addClient('closed-player', {
      client_name: 'Closed player',
      grant_types: [deviceGrant],
      token_endpoint_auth_method: 'none',
      access: { roles: ['admin'] },
      contacts: ['player@example.test'],
    })
    const player = createRp(app.issuer, { client_id: 'closed-player', redirect_uri: '' })
    const { body } = await player.post('/oauth2/device', { scope: 'openid' })
    const { device_code, user_code } = body as unknown as Asked
    const person = createPerson()
    const page = await type(person, user_code)
    const closed = pageOf(await person.submit(page, ada))
    expect([closed.status, closed.html.includes('player@example.test')]).toEqual([403, true])
    expect((await press(person, closed, 'allow')).status).toBe(403)
    expect((await press(person, closed, 'again')).status).toBe(403)
    expect((await press(person, closed, 'deny')).status).toBe(200)
    const polled = await player.post('/oauth2/token', { grant_type: deviceGrant, device_code })
    expect(polled.body.error).toBe('access_denied')
  })

  it('shows the page in the language that the app asked for', async () => {
    const { user_code } = await ask({ ui_locales: 'de' })
    expect((await claimed(createPerson(), user_code)).html).toContain('<html lang="de"')
  })

  it('is no way to oidc-provider’s own pages', async () => {
    expect((await fetch(`${app.issuer}/device/anything`)).status).toBe(404)
    expect((await fetch(`${app.issuer}/device`, { method: 'DELETE' })).status).toBe(405)
  })
})

describe('guesses', () => {
  it('run out by address, and a right code is given back', async () => {
    const fresh = await startApp()
    const post = (user_code: string) =>
      fetch(`${fresh.issuer}/device`, {
        method: 'POST',
        redirect: 'manual',
        body: new URLSearchParams({ user_code }),
        headers: { origin: fresh.issuer },
      })
    const codes = await Promise.all(Array.from({ length: 35 }, () => post('BCDF-GHJK')))
    expect(codes.filter(({ status }) => status === 422)).toHaveLength(30)
    const refused = codes.find(({ status }) => status === 429)
    expect(refused?.headers.get('retry-after')).toMatch(/^\d+$/)
    expect(refused?.headers.get('ratelimit')).toContain('"device.address"')
    await fresh.close()
  })
})
