// Rich authorization requests (RFC 9396): types that an API registers, details that people see and tokens carry.
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { codeOf, createPerson, leftOf, pageOf } from '../support/browser-less.ts'
import { createManagement } from '../support/management.ts'
import { ada, createRp, type Rp } from '../support/rp.ts'

const api = 'https://bank.example/api'
const other = 'https://other.example/api'
const payment = { type: 'payment', amount: '12.00', to: { iban: 'DE02' }, actions: ['initiate'] }

let app: TestApp
let rp: Rp
const client = {
  client_id: 'payer',
  client_secret: 'secret-of-payer',
  redirect_uri: 'https://shop.example/cb',
}

async function saveApi(identifier: string, types: object[]) {
  const management = createManagement(app.issuer)
  return management.ask('PUT', `/apis/${encodeURIComponent(identifier)}`, {
    as: await management.machineToken('clients:write'),
    json: { name: 'Bank', scopes: ['pay'], open_to_all: true, authorization_details_types: types },
  })
}

beforeAll(async () => {
  app = await startApp({ env: { FOYER_LOGIN_LAYOUT: 'single' } })
  rp = createRp(app.issuer, client)
  const fields = {
    amount: { kind: 'string', required: true },
    to: { kind: 'object' },
    days: { kind: 'number' },
  }
  expect((await saveApi(api, [{ type: 'payment', title: 'Pay once', fields }])).status).toBe(200)
  expect((await saveApi(other, [{ type: 'reading', title: 'Read' }])).status).toBe(200)
  await app.addClient('payer', {
    redirect_uris: [client.redirect_uri],
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    authorization_details_types: ['payment', 'reading'],
    first_party: true,
  })
  await vi.waitFor(async () =>
    expect(await typesOffered()).toEqual(expect.arrayContaining(['payment', 'reading'])),
  )
})
afterAll(() => app.close())

const typesOffered = async () =>
  (await (await fetch(`${app.issuer}/.well-known/openid-configuration`)).json())
    .authorization_details_types_supported

const asking = (details: unknown, more: Record<string, string | undefined> = {}) => ({
  scope: 'openid pay offline_access',
  resource: api,
  authorization_details: typeof details === 'string' ? details : JSON.stringify(details),
  ...more,
})

async function consented(details: unknown) {
  const person = createPerson()
  const { url, verifier } = rp.authorizeUrl(asking(details))
  const page = pageOf(await person.submit(await person.open(url), ada))
  return { person, page, verifier }
}

describe('a detail', () => {
  it('is shown with all it says, to people of the owner’s own apps too', async () => {
    const { page } = await consented([payment])
    expect(page.html).toContain('Pay once · amount: 12.00 · to: {&#34;iban&#34;:&#34;DE02&#34;} · actions:')
    expect(page.html).toContain('Bank')
  })

  it('is in the token of its API, in its answer, at introspection and after a refresh', async () => {
    const { person, page, verifier } = await consented([payment])
    const { body } = await rp.redeem(codeOf(await person.submit(page)), verifier)
    expect(body).toMatchObject({ authorization_details: [payment] })
    expect(decodeJwt(body.access_token)).toMatchObject({ aud: api, authorization_details: [payment] })
    expect((await rp.introspect(body.access_token)).body).toMatchObject({ authorization_details: [payment] })
    const renewed = await rp.refresh(body.refresh_token ?? '')
    expect(decodeJwt(renewed.body.access_token)).toMatchObject({ authorization_details: [payment] })
  })

  it('may be narrowed by a token request, and not exchanged for another (§6)', async () => {
    const second = { type: 'payment', amount: '1.00' }
    const { person, page, verifier } = await consented([payment, second])
    const { body } = await rp.redeem(codeOf(await person.submit(page)), verifier, asking([second]) as never)
    expect(decodeJwt(body.access_token).authorization_details).toEqual([second])
    const more = asking([{ type: 'payment', amount: '99.00' }], { scope: undefined })
    const { scope: _, ...form } = more
    const refused = await rp.refresh(body.refresh_token ?? '', form as never)
    expect([refused.status, refused.body.error]).toEqual([400, 'invalid_authorization_details'])
  })

  it('is asked for by a client for itself', async () => {
    const { scope: _, ...form } = asking([payment])
    const { body } = await rp.post('/oauth2/token', { grant_type: 'client_credentials', ...form } as never)
    expect(decodeJwt(body.access_token)).toMatchObject({ authorization_details: [payment] })
  })

  it('asks again each time: nothing is remembered of it', async () => {
    const { person, page } = await consented([payment])
    await person.submit(page)
    const went = await person.go(rp.authorizeUrl(asking([payment], { prompt: 'none' })).url)
    expect(leftOf(went).searchParams.get('error')).toBe('consent_required')
  })
})

describe('RFC 9396 §5 refuses', () => {
  it.each<[string, unknown]>([
    ['a type that nobody registered', [{ type: 'loan' }]],
    ['no type', [{ amount: '1' }]],
    ['a field that the type does not have', [{ ...payment, tip: '1' }]],
    ['a field of another kind', [{ ...payment, days: '3' }]],
    ['a detail that lacks what it must have', [{ type: 'payment' }]],
    ['a place that is another API', [{ ...payment, locations: [other] }]],
    ['actions that are no list', [{ ...payment, actions: 'initiate' }]],
    ['characters that turn a line around', [{ ...payment, amount: '\u202e00.21' }]],
    ['an endless detail', [{ ...payment, amount: '1'.repeat(3_000) }]],
    ['a detail of an API that is not asked for', [{ type: 'reading' }]],
    ['an object in place of a list', payment],
    ['what is no JSON', '{'],
  ])('%s', async (_, details) => {
    const left = leftOf(await createPerson().go(rp.authorizeUrl(asking(details)).url))
    expect(left.searchParams.get('error')).toBe('invalid_authorization_details')
  })

  it('details that are there twice (RFC 6749 §3.1)', async () => {
    const { url } = rp.authorizeUrl(asking([payment]))
    const again = encodeURIComponent(JSON.stringify([payment]))
    const went = await createPerson().go(`${url}&authorization_details=${again}`)
    expect(leftOf(went).searchParams.get('error')).toBe('invalid_request')
  })

  it('a client that did not register the type (§10)', async () => {
    const web = createRp(app.issuer)
    const left = leftOf(await createPerson().go(web.authorizeUrl(asking([payment])).url))
    expect(left.searchParams.get('error')).toBe('invalid_authorization_details')
  })
})

describe('types', () => {
  it('come and go with their API, and a client that named one stays', async () => {
    await saveApi(other, [])
    await expect.poll(typesOffered).not.toContain('reading')
    expect((await rp.post('/oauth2/token', { grant_type: 'client_credentials' })).status).toBe(200)
  })

  it.each<[string, object]>([
    ['a title that is missing', { type: 'x' }],
    ['a field that every type has', { type: 'x', title: 'X', fields: { actions: { kind: 'array' } } }],
    ['a kind that is none', { type: 'x', title: 'X', fields: { a: { kind: 'date' } } }],
    ['a type with a space', { type: 'x y', title: 'X' }],
  ])('are refused with %s', async (_, type) => {
    expect((await saveApi('https://third.example/api', [type])).status).toBe(400)
  })
})
