// Everything a person's sign-ins gave, ended through the management API: by account, and by session.
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { secretOf, startApp, type TestApp, testHooks } from '../support/app.ts'
import { createDoor } from '../support/door.ts'
import { all, createManagement } from '../support/management.ts'
import { createRp, demoMachine, demoSpa, grace, type Rp, type Tokens } from '../support/rp.ts'

const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const quests = { scope: 'openid quests:read', resource: 'urn:demo:quests' }

let app: TestApp
let api: ReturnType<typeof createManagement>
let rp: Rp
let machine: Rp
beforeAll(async () => {
  app = await startApp({ env: testHooks })
  api = createManagement(app.issuer)
  rp = createRp(app.issuer)
  machine = createRp(app.issuer, demoMachine)
  await app.addClient('broker', { grant_types: [exchangeGrant] })
})
afterAll(() => app.close())

const remove = async (path: string) =>
  (await api.ask('DELETE', path, { as: await api.machineToken(all) })).status
const isActive = async (token: string) => (await machine.introspect(token)).body.active

async function traded(subject_token: string): Promise<string> {
  const broker = createRp(app.issuer, {
    client_id: 'broker',
    client_secret: secretOf('broker'),
    redirect_uri: '',
  })
  const { body } = await broker.post('/oauth2/token', {
    grant_type: exchangeGrant,
    subject_token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    resource: quests.resource,
  })
  return body.access_token
}

/** One of each kind of token, all of one browser and one app of its own. */
async function everything() {
  const { person, ...web } = await rp.tokens({ who: grace, params: quests })
  const spa: Tokens = await createRp(app.issuer, demoSpa).tokens({
    person,
    who: grace,
    params: { scope: 'openid' },
  })
  const offline = await rp.tokens({
    person,
    who: grace,
    params: { scope: 'openid offline_access', prompt: 'consent' },
  })
  const door = await createDoor(app.issuer).signIn(grace)
  return { web, spa, offline, door, traded: await traded(web.access_token) }
}

describe('all of an account', () => {
  it('is worth nothing at the next question, offline access and traded tokens too', async () => {
    const { web, spa, offline, door, traded: other } = await everything()
    const { sub } = decodeJwt(web.access_token)
    expect(await isActive(web.access_token)).toBe(true)
    expect(await remove(`/users/${sub}/sessions`)).toBe(204)

    for (const token of [web.access_token, other]) expect(await isActive(token)).toBe(false)
    for (const { access_token } of [spa, offline]) expect((await rp.userinfo(access_token)).status).toBe(401)
    expect((await createDoor(app.issuer).me(door.access_token)).status).toBe(401)
    expect((await rp.refresh(web.refresh_token ?? '')).body.error).toBe('invalid_grant')
    expect((await rp.refresh(offline.refresh_token ?? '')).body.error).toBe('invalid_grant')
    expect((await createDoor(app.issuer).refresh(door.refresh_token)).status).toBe(401)
  })
})

describe('one session', () => {
  it('takes along what it gave, offline access too, and leaves other sign-ins', async () => {
    const { web, spa, offline, door, traded: other } = await everything()
    const { sub, jti } = decodeJwt(web.access_token)
    expect(await remove(`/users/${sub}/sessions/${String(jti).split('.')[2]}`)).toBe(204)

    for (const token of [web.access_token, other]) expect(await isActive(token)).toBe(false)
    for (const { access_token } of [spa, offline]) expect((await rp.userinfo(access_token)).status).toBe(401)
    for (const { refresh_token = '' } of [web, offline])
      expect((await rp.refresh(refresh_token)).body.error).toBe('invalid_grant')
    expect((await createDoor(app.issuer).me(door.access_token)).status).toBe(200)
  })
})
