import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { formats, guess, readItems } from '../../src/features/transfer/formats/formats.ts'
import { createTransfer } from '../../src/transfer.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { createDoor } from '../support/door.ts'
import { auth0, csv, keycloak, logto, password } from '../support/exports.ts'

let app: TestApp
beforeAll(async () => {
  app = await startApp()
})
afterAll(() => app.close())

async function* inPieces(text: string, size = 1000) {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function importText(text: string) {
  const { imports } = createTransfer(app.services)
  const { created, refused } = await imports.run({ kind: 'operator' }, readItems(inPieces(text)))
  return { created, refused: refused.map(({ line, reason }) => `${line} ${reason}`) }
}

const signIn = async (email: string) => (await createDoor(app.issuer).login({ email, password })).status
const find = (email: string) => app.services.accounts.findByIdentifier(email)

describe('an import from Keycloak', () => {
  it('brings users, groups and clients of a realm, and says which row it leaves behind', async () => {
    const lineOf = (text: string) => keycloak.slice(0, keycloak.indexOf(text)).split('\n').length - 1
    expect(await importText(keycloak)).toEqual({
      created: 10,
      refused: [
        expect.stringMatching(
          new RegExp(`^${lineOf('"username": "old"')} /users/2: /password_hash: must be`),
        ),
        expect.stringMatching(
          new RegExp(`^${lineOf('"clientId": "wild"')} /clients/2: /redirect_uris/0: must not`),
        ),
        `${lineOf('"clientId": "old"')} /clients/3: speaks SAML, which Foyer does not`,
        `${lineOf('"clientId": "api"')} /clients/4: is an API: register it as one`,
      ],
    })
    expect(await find('kim@keycloak.test')).toMatchObject({
      id: '7b1c2d3e-0000-4000-8000-00000000000a',
      username: 'kim',
      profile: { name: 'Kim Clark', given_name: 'Kim', family_name: 'Clark', locale: 'de' },
      createdAt: new Date(1_600_000_000_000),
    })
    expect((await find('ann@keycloak.test'))?.status).toBe('disabled')
  })

  it('makes nobody an administrator here who was one over there', async () => {
    expect((await find('kim@keycloak.test'))?.roles).toEqual(['keycloak-admin', 'editor'])
  })

  it('lets people sign in by PBKDF2 and by argon2', async () => {
    expect(await signIn('kim@keycloak.test')).toBe(200)
    expect(await signIn('lee@keycloak.test')).toBe(200)
  })

  it('keeps groups apart whose names come to the same short name', async () => {
    const teamsOf = async (email: string) => {
      const account = await find(email)
      return (await app.services.teams.membershipsOf(account?.id ?? '')).map(({ slug }) => slug)
    }
    expect(await teamsOf('kim@keycloak.test')).toEqual(['guild', 'guild-labs'])
    expect(await teamsOf('lee@keycloak.test')).toEqual(['guild-2'])
  })

  it('brings what a client may do', async () => {
    expect((await app.services.clients.get('web')).metadata).toMatchObject({
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
      allowed_cors_origins: ['https://web.example'],
      post_logout_redirect_uris: ['https://web.example/'],
      require_pkce: false,
    })
  })
})

describe('an import from Logto', () => {
  it('brings users, organizations and applications, and says which row it leaves behind', async () => {
    expect(await importText(logto)).toEqual({
      created: 4,
      refused: [expect.stringMatching(/^\d+ \/users\/1: \/password_hash: must be a hash/)],
    })
    const lou = await find('lou@logto.test')
    expect(lou).toMatchObject({
      username: 'lou',
      roles: ['logto-user'],
      profile: { phone_number: '+441234567890', address: { country: 'US', postal_code: '10001' } },
    })
    expect(await app.services.teams.membershipsOf(lou?.id ?? '')).toMatchObject([
      { slug: 'team', name: 'Команда', role: 'admin' },
    ])
    expect((await app.services.clients.get('spa1')).metadata.token_endpoint_auth_method).toBe('none')
    expect(await signIn('lou@logto.test')).toBe(200)
  })
})

describe('an import from Auth0', () => {
  it('joins each hash to its user, and says which row it leaves behind', async () => {
    expect(await importText(auth0)).toEqual({
      created: 2,
      refused: [expect.stringMatching(/^2 \/password_hash: must be a hash/), '4 /email: is that of line 1'],
    })
    expect(await find('zoe@auth0.test')).toMatchObject({
      profile: { name: 'Zoe' },
      createdAt: new Date('2021-03-05T16:34:44.502Z'),
      emailVerifiedAt: expect.any(Date),
    })
    expect(await find('xia@auth0.test')).toMatchObject({ status: 'disabled', emailVerifiedAt: null })
    expect(await signIn('zoe@auth0.test')).toBe(200)
  })
})

describe('an import of CSV', () => {
  it('takes a row for each user, and says which it leaves behind', async () => {
    expect(await importText(csv)).toEqual({
      created: 2,
      refused: [
        expect.stringMatching(/^3 \/email_verified: /),
        '5 /name: must not contain control characters',
        '6 has 7 cells under 6 names',
      ],
    })
    expect(await find('vic@csv.test')).toMatchObject({
      profile: { name: 'Vic, the "Great"', address: { country: 'FR' } },
      roles: ['editor', 'reader'],
    })
    expect(await signIn('vic@csv.test')).toBe(200)
  })

  it.each([
    ['a column nobody knows', 'email,shoe_size\na@csv.test,43', ['2 /shoe_size: is not known: remove it']],
    ['__proto__', 'email,__proto__\nb@csv.test,x', ['2 /__proto__: is not known: remove it']],
    ['a NUL', 'email,name\nc@csv.test,a\0b', ['2 holds what is no text in UTF-8']],
    ['a quote that nobody closes', 'email,name\nd@csv.test,"a', [expect.stringMatching(/^2 /)]],
  ])('refuses %s', async (_, text, refused) => {
    expect(await importText(text)).toEqual({ created: 0, refused })
  })

  it('refuses bytes that are no UTF-8', async () => {
    const { imports } = createTransfer(app.services)
    const bytes = Buffer.concat([Buffer.from('email,name\ne@csv.test,Ren'), Buffer.from([0xe9, 10])])
    const items = readItems(
      (async function* () {
        yield bytes
      })(),
      'csv',
    )
    const { refused } = await imports.run({ kind: 'operator' }, items)
    expect(refused).toEqual([{ line: 2, reason: 'holds what is no text in UTF-8' }])
  })
})

describe('a file whose format is not named', () => {
  it.each([
    ['keycloak', keycloak],
    ['logto', logto],
    ['logto', '[{"id":"x","primaryEmail":"x@logto.test"}]'],
    ['auth0', auth0],
    ['auth0', '{"user_id":"auth0|1","email":"x@auth0.test"}\n'],
    ['csv', csv],
    ['csv', '\uFEFFusername,email\r\n'],
    ['foyer', '{"type":"user","email":"x@example.test"}\n'],
    ['foyer', '{"type":"user"'],
    ['foyer', ''],
  ])('is told to be %s', (format, text) => {
    expect(guess(text.slice(0, 64 * 1024))).toBe(format)
    expect(formats).toContain(format)
  })

  it.each([
    ['is cut short', '{"realm":"x","enabled":true', /JSON/],
    ['is no UTF-8', '{"realm":"x","enabled":true,"users":[]}\u0080', /UTF-8|JSON/],
    ['names no column for the address', 'name,phone\n', /./],
  ])('is refused as a whole when it %s', async (_, text, words) => {
    const { imports } = createTransfer(app.services)
    const format = text.startsWith('{') ? 'keycloak' : 'csv'
    const run = imports.run({ kind: 'operator' }, readItems(inPieces(text), format))
    await expect(run).rejects.toMatchObject({
      code: 'invalid_input',
      details: { errors: [{ detail: expect.stringMatching(words) }] },
    })
  })
})
