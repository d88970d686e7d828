// Who may use a client: everybody, holders of some roles, members of some teams. Asked at every way to a token.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import {
  codeOf,
  createPerson,
  formsOf,
  headingOf,
  leftOf,
  type Page,
  type Person,
  pageOf,
} from '../support/browser-less.ts'
import { createManagement } from '../support/management.ts'
import { createRp, grace, type Rp, type RpClient } from '../support/rp.ts'

const operator = { kind: 'operator' } as const
const redirect_uri = 'https://club.example.test/callback'
const quests = { scope: 'openid quests:read', resource: 'urn:demo:quests' }

let app: TestApp
let api: ReturnType<typeof createManagement>
let token: string
let acme: string
let graceId: string
beforeAll(async () => {
  app = await startApp({ env: { FOYER_LOGIN_LAYOUT: 'single' } })
  api = createManagement(app.issuer)
  token = await api.machineToken('clients:read clients:write')
  const { data } = await app.services.teams.list(operator)
  acme = data.find(({ slug }) => slug === 'acme')?.id ?? ''
  graceId = (await app.services.accounts.findByIdentifier(grace.email))?.id ?? ''
})
afterAll(() => app.close())

let clients = 0
let rp: Rp
let known: RpClient
/** A club of its own for each test. */
async function openClub(more: Record<string, unknown> = {}): Promise<Rp> {
  clients += 1
  const id = `club-${clients}`
  await app.addClient(id, {
    client_name: 'The Club',
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: [redirect_uri],
    first_party: true,
    contacts: ['door@club.example.test'],
    ...more,
  })
  known = { client_id: id, client_secret: `secret-of-${id}`, redirect_uri }
  return createRp(app.issuer, known)
}

async function setAccess(access: unknown): Promise<void> {
  const { status, text } = await api.ask('PATCH', `/clients/${known.client_id}`, {
    as: token,
    json: { access },
  })
  if (status !== 200) throw new Error(`${status} ${text}`)
  // Told to every process through the database, to this one as well
  const inForce = async () => (await app.services.clientCache.find(known.client_id))?.metadata.access
  await expect.poll(inForce).toMatchObject(Object(access))
}
const join = () => app.services.members.add(operator, { teamId: acme, accountId: graceId, role: 'member' })
const leave = () => app.services.members.remove(operator, { teamId: acme, accountId: graceId })

beforeEach(async () => {
  const { data } = await app.services.members.list(operator, { teamId: acme })
  if (!data.some(({ accountId }) => accountId === graceId)) await join()
  rp = await openClub()
})

/** Signs in as grace, up to where that leads. */
async function enter(params: Record<string, string> = {}, person: Person = createPerson()) {
  const { url, verifier } = rp.authorizeUrl({ scope: 'openid', ...params })
  const page = await person.open(url)
  return { person, url, verifier, page: pageOf(await person.submit(page, grace)) }
}
const press = (person: Person, page: Page, value: string) =>
  person.submit(page, {}, { button: { name: 'decision', value } })

describe('a client for some people', () => {
  it('signs in the members of its team, and turns away who left it', async () => {
    await setAccess({ teams: [acme] })
    const { person } = await rp.signIn({ who: grace })
    await leave()
    const page = await person.open(rp.authorizeUrl().url)
    expect([page.status, headingOf(page)]).toEqual([403, 'You cannot use The Club yet'])
    expect(page.html).toContain('grace@example.test')
    expect(page.html).toContain('door@club.example.test')
    expect(page.html).not.toContain('Acme')
    const back = leftOf(await press(person, page, 'deny'))
    expect(back.origin + back.pathname).toBe(redirect_uri)
    expect(back.searchParams.get('error')).toBe('access_denied')
    expect(back.searchParams.get('error_description')).toBe('the client is not open to this person')
    expect(back.searchParams.get('state')).not.toBeNull()
    const { data } = await app.services.audit.search({ type: 'client.access_refused' }, { limit: 10 })
    expect(data[0]).toMatchObject({ accountId: graceId, clientId: known.client_id })
    expect((await app.auditTypes()).filter((type) => type === 'consent.denied')).toEqual([])
  })

  it('signs in holders of its roles', async () => {
    await setAccess({ roles: ['admin'] })
    const { page } = await enter()
    expect(page.status).toBe(403)
    const admin = { email: 'admin@example.test', password: 'difference-engine-1822' }
    expect((await rp.signIn({ who: admin })).code).not.toBe('')
    await setAccess({ roles: ['admin'], teams: [acme] })
    expect((await rp.signIn({ who: grace })).code).not.toBe('')
  })

  it('answers prompt=none with access_denied', async () => {
    const { person } = await rp.signIn({ who: grace })
    await setAccess({ roles: ['admin'] })
    const { searchParams } = leftOf(await person.go(rp.authorizeUrl({ prompt: 'none' }).url))
    expect(searchParams.get('error')).toBe('access_denied')
  })

  it('asks for no consent before it knows that the person may come in', async () => {
    rp = await openClub({ first_party: false })
    await setAccess({ roles: ['admin'] })
    const { page } = await enter({ scope: 'openid email' })
    expect(page.html).not.toContain('value="allow"')
  })

  it('lets another account in from the page, and the same one once it was let in', async () => {
    await setAccess({ roles: ['admin'] })
    const { person, page, verifier } = await enter()
    const asked = pageOf(await press(person, page, 'switch'))
    expect(formsOf(asked)[0]?.fields).toHaveProperty('password')
    const again = await person.open(page.url)
    await setAccess({ teams: [acme] })
    expect((await rp.redeem(codeOf(await press(person, again, 'again')), verifier)).status).toBe(200)
  })

  it('refuses a decision that the page does not offer', async () => {
    await setAccess({ roles: ['admin'] })
    const { person, page } = await enter()
    expect(pageOf(await press(person, page, 'allow')).status).toBe(400)
    const stranger = await createPerson().go(`${page.url}/access`, {
      method: 'POST',
      body: new URLSearchParams({ decision: 'deny' }),
      headers: { origin: app.issuer },
    })
    expect(pageOf(stranger).status).toBe(410)
  })
})

describe('when a membership ends, tokens', () => {
  it.each([
    ['an opaque token', { scope: 'openid' }],
    ['a JWT', quests],
  ])(
    'of %s are worth nothing at introspection, and again something when it begins anew',
    async (_, params) => {
      await setAccess({ teams: [acme] })
      const tokens = await rp.tokens({ who: grace, params })
      const active = async () =>
        Promise.all(
          [tokens.access_token, tokens.refresh_token ?? ''].map(
            async (each) => (await rp.introspect(each)).body.active,
          ),
        )
      expect(await active()).toEqual([true, true])
      await leave()
      expect(await active()).toEqual([false, false])
      await join()
      expect(await active()).toEqual([true, true])
    },
  )

  it('give nothing at userinfo', async () => {
    await setAccess({ teams: [acme] })
    const { access_token } = await rp.tokens({ who: grace, params: { scope: 'openid' } })
    expect((await rp.userinfo(access_token)).status).toBe(200)
    await leave()
    const refused = await rp.userinfo(access_token)
    expect([refused.status, (await refused.json()).error]).toEqual([401, 'invalid_token'])
  })

  it('renew nothing, and renew again for who comes back', async () => {
    await setAccess({ teams: [acme] })
    const { refresh_token = '' } = await rp.tokens({ who: grace })
    await leave()
    const refused = await rp.refresh(refresh_token)
    expect([refused.status, refused.body.error]).toEqual([400, 'invalid_grant'])
    await join()
    expect((await rp.refresh(refresh_token)).status).toBe(200)
  })

  it('are not given for a code of before', async () => {
    await setAccess({ teams: [acme] })
    const { code, verifier } = await rp.signIn({ who: grace })
    await leave()
    const refused = await rp.redeem(code, verifier)
    expect([refused.status, refused.body.error]).toEqual([400, 'invalid_grant'])
  })

  it('are not given for a consent that was open meanwhile', async () => {
    rp = await openClub({ first_party: false })
    await setAccess({ teams: [acme] })
    const { person, page } = await enter({ scope: 'openid email' })
    expect(page.html).toContain('value="allow"')
    await leave()
    const after = pageOf(await press(person, page, 'allow'))
    expect([after.status, headingOf(after)]).toEqual([403, 'You cannot use The Club yet'])
  })

  it('cost no further statement for the rule', async () => {
    await setAccess({ teams: [acme] })
    const {
      access_token,
      refresh_token = '',
      person,
    } = await rp.tokens({
      who: grace,
      params: { scope: 'openid' },
    })
    const costOf = async (work: () => Promise<unknown>) => {
      app.statements()
      await work()
      return app.statements().length
    }
    expect(await costOf(() => rp.introspect(access_token))).toBe(1)
    expect(await costOf(() => rp.userinfo(access_token))).toBe(1)
    expect(await costOf(() => person.go(rp.authorizeUrl({ scope: 'openid' }).url))).toBe(2)
    expect(await costOf(() => rp.refresh(refresh_token))).toBe(2)
  })

  it.each(Array.from({ length: 8 }, (_, at) => at * 4))('race it by %i ms and lose', async (headStart) => {
    await setAccess({ teams: [acme] })
    const { code, verifier } = await rp.signIn({ who: grace, params: { scope: 'openid' } })
    const left = new Promise((resolve) => setTimeout(resolve, headStart)).then(leave)
    const [answer] = await Promise.all([rp.redeem(code, verifier), left])
    expect([200, 400]).toContain(answer.status)
    if (answer.status === 400) return
    expect((await rp.introspect(answer.body.access_token)).body.active).toBe(false)
    expect((await rp.refresh(answer.body.refresh_token ?? '')).status).toBe(400)
  })
})

describe('the rule', () => {
  it('is shown, changed and taken away by the management API, and written down', async () => {
    const path = `/clients/${known.client_id}`
    const { body: before } = await api.ask('GET', path, { as: token })
    expect(before).not.toHaveProperty('access')
    await setAccess({ teams: [acme], roles: ['organizer'] })
    const { body } = await api.ask('GET', path, { as: token })
    expect(body.access).toEqual({ teams: [acme], roles: ['organizer'] })
    const { data } = await app.services.audit.search({ type: 'client.updated' }, { limit: 100 })
    const facts = data.filter(({ clientId }) => clientId === known.client_id)
    expect(facts[0]?.details).toEqual({ access: 'limited', teams: [acme], roles: ['organizer'] })
    await api.ask('PATCH', path, { as: token, json: { client_name: 'The Other Club' } })
    expect((await api.ask('GET', path, { as: token })).body.access).toEqual(body.access)
    await setAccess(null)
    expect((await api.ask('GET', path, { as: token })).body).not.toHaveProperty('access')
    expect((await rp.signIn({ who: grace })).code).not.toBe('')
  })

  it('may come with the registration', async () => {
    const metadata = { grant_types: ['authorization_code'], redirect_uris: [redirect_uri] }
    const made = await api.ask('POST', '/clients', {
      as: token,
      json: { ...metadata, access: { roles: ['admin'] } },
    })
    expect([made.status, made.body.access]).toEqual([201, { roles: ['admin'], teams: [] }])
  })

  it.each([
    ['an unknown team', { teams: ['0197c0de-7a3f-7c51-9d20-4f1b6a8e2c33'] }, '/access/teams/0'],
    ['an unknown role', { roles: ['admin', 'admn'] }, '/access/roles/1'],
    ['nobody', {}, '/access'],
    [
      'the same team twice',
      { teams: Array(2).fill('0197c0de-7a3f-7c51-9d20-4f1b6a8e2c33') },
      '/access/teams',
    ],
    ['what is no id', { teams: ['acme'] }, '/access/teams/0'],
    ['what is no rule', 'everyone', '/access'],
  ])('is not taken for %s', async (_, access, pointer) => {
    const path = `/clients/${known.client_id}`
    const { status, body } = await api.ask('PATCH', path, { as: token, json: { access } })
    expect([status, body.errors?.[0]?.pointer]).toEqual([400, pointer])
  })

  it('lets nobody in when its team is deleted', async () => {
    const team = await app.services.teams.create(operator, { slug: `short-${clients}`, name: 'Short-lived' })
    await app.services.members.add(operator, { teamId: team.id, accountId: graceId, role: 'owner' })
    await setAccess({ teams: [team.id] })
    const { refresh_token = '' } = await rp.tokens({ who: grace })
    await app.services.teams.remove(operator, { teamId: team.id })
    expect((await rp.refresh(refresh_token)).status).toBe(400)
    // What is named and gone does not stand in the way of other changes
    const path = `/clients/${known.client_id}`
    expect((await api.ask('PATCH', path, { as: token, json: { client_name: 'Empty' } })).status).toBe(200)
  })
})
