import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hashSecret } from '../../src/kernel/secrets.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { runCommand, startCommand } from '../support/command.ts'
import { createDoor } from '../support/door.ts'
import { foreignHashes } from '../support/foreign-hashes.ts'
import { createManagement } from '../support/management.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { demoMachine } from '../support/rp.ts'
import { allRows } from '../support/tables.ts'

const folder = mkdtempSync(join(tmpdir(), 'foyer-import-'))
let database: TestDatabase
let app: TestApp
beforeAll(async () => {
  database = await createTestDatabase()
  app = await startApp({ databaseUrl: database.url })
})
afterAll(async () => {
  await app.close()
  await database.drop()
  rmSync(folder, { recursive: true })
})

type Report = { created: number; unchanged: number; refused: { line: number; reason: string }[] }

const linesOf = (records: readonly object[]) => records.map((record) => JSON.stringify(record)).join('\n')

/** Beside the running product, from stdin. */
async function importLines(input: string | Uint8Array): Promise<Report & { code: number | null }> {
  const ran = await runCommand(['import', '-', '--json'], { databaseUrl: database.url, stdin: input })
  if (ran.stdout === '') throw new Error(ran.stderr)
  return { ...JSON.parse(ran.stdout), code: ran.code }
}

async function facts(type: string): Promise<number> {
  return (await app.auditTypes()).filter((each) => each === type).length
}

const profile = {
  name: 'Mary Somerville',
  given_name: 'Mary',
  family_name: 'Somerville',
  middle_name: 'F',
  nickname: 'Mary',
  profile: 'https://mary.example/',
  picture: 'https://mary.example/mary.png',
  website: 'https://mary.example/',
  gender: 'female',
  birthdate: '1780-12-26',
  zoneinfo: 'Europe/London',
  locale: 'en-GB',
  phone_number: '+44 20 7946 0958',
  phone_number_verified: true,
  address: { locality: 'Jedburgh', country: 'Scotland' },
}
const mary = {
  type: 'user',
  id: '5f0f0f0f-1c1c-4d4d-8e8e-0123456789ab',
  email: 'Mary@Example.test',
  email_verified: true,
  username: 'mary',
  status: 'active',
  roles: ['organizer'],
  language: 'fr',
  created_at: '2020-02-29T12:00:00+01:00',
  updated_at: 1_582_974_000,
  ...profile,
}

describe('foyer import', () => {
  it('makes accounts with everything their line says, and one fact for each', async () => {
    expect(await importLines(linesOf([mary]))).toEqual({ created: 1, unchanged: 0, refused: [], code: 0 })
    const row = await app.services.db.prisma.account.findUnique({ where: { id: mary.id } })
    expect(row).toMatchObject({
      email: 'Mary@example.test',
      emailCanonical: 'mary@example.test',
      username: 'mary',
      profile,
      roles: ['organizer'],
      locale: 'fr',
      passwordHash: null,
      vouched: false,
      createdAt: new Date('2020-02-29T11:00:00Z'),
      updatedAt: new Date(1_582_974_000_000),
    })
    const events = await app.services.db.prisma.auditEvent.findMany({ where: { accountId: mary.id } })
    expect(events.map(({ type, actor }) => [type, actor])).toEqual([
      ['account.imported', { kind: 'operator' }],
    ])
    expect(await facts('instance.imported')).toBe(1)
  })

  it('changes nothing when it is run again, and says so', async () => {
    const before = await facts('account.imported')
    expect(await importLines(linesOf([mary]))).toEqual({ created: 0, unchanged: 1, refused: [], code: 0 })
    expect(await facts('account.imported')).toBe(before)
  })

  it('writes over nothing: a line that says something else is refused with what differs', async () => {
    const other = { ...mary, name: 'Mary Fairfax', roles: ['admin'] }
    const reason = 'an account with this address exists, and differs in roles, name'
    expect(await importLines(linesOf([other]))).toMatchObject({
      created: 0,
      refused: [{ line: 1, reason }],
      code: 1,
    })
    const row = await app.services.db.prisma.account.findUnique({ where: { id: mary.id } })
    expect(row?.roles).toEqual(['organizer'])
  })

  it('lets everybody sign in whose hash it took, with what is an argon2id of today afterwards', async () => {
    const people = foreignHashes.map(([, password, stored], index) => ({
      record: {
        type: 'user',
        email: `hash-${index}@example.test`,
        email_verified: true,
        password_hash: stored,
      },
      password,
    }))
    const { created, refused } = await importLines(linesOf(people.map(({ record }) => record)))
    expect({ created, refused }).toEqual({ created: people.length, refused: [] })

    const door = createDoor(app.issuer)
    for (const { record, password } of people) {
      expect((await door.login({ email: record.email, password: `${password}!` })).status).toBe(401)
      expect((await door.login({ email: record.email, password })).status, record.password_hash).toBe(200)
    }
    const hashed = await app.services.db.prisma.account.findMany({
      where: { email: { startsWith: 'hash-' } },
      select: { passwordHash: true },
    })
    await expect
      .poll(async () => {
        const rows = await app.services.db.prisma.account.findMany({
          where: { email: { startsWith: 'hash-' } },
        })
        return rows.filter(({ passwordHash }) => !passwordHash?.startsWith('$argon2id$v=19$m=19456,t=2,p=1$'))
      })
      .toEqual([])
    expect(hashed).toHaveLength(people.length)
    // Run again after that: the hashes differ, and are the same passwords
    expect(await importLines(linesOf(people.map(({ record }) => record)))).toMatchObject({
      unchanged: people.length,
      refused: [],
    })
  })

  it('refuses what is wrong by its line and takes the rest', async () => {
    const user = (email: string, more: object = {}) => JSON.stringify({ type: 'user', email, ...more })
    const lines: [text: string, reason: RegExp | undefined][] = [
      [user('one@example.test'), undefined],
      ['{"type":"user","email":"broken@example.test"', /^is not one plain JSON object$/],
      ['[]', /^is not one plain JSON object$/],
      ['"user"', /^is not one plain JSON object$/],
      [user('two@example.test', { nick: 'x' }), /^\/nick: is not known: remove it$/],
      [user('two@example.test', { password: 'in-plain-text' }), /^\/password: is not known/],
      [user('ONE@example.test'), /^\/email: is that of line 1$/],
      [
        user('ada@example.test', { name: 'Somebody' }),
        /^an account with this address exists, and differs in name$/,
      ],
      [user('three@example.test', { password_hash: '$2b$10$short' }), /^\/password_hash: must be a hash/],
      [user('three@example.test', { password_hash: '5f4dcc3b5aa765d61d8327deb882cf99' }), /^\/password_hash/],
      [user('four\u0000@example.test'), /^is not one plain JSON object$/],
      ['{"type":"user","email":"raw\u0000nul@example.test"}', /^is not one plain JSON object$/],
      ['{"type":"user","email":"p@example.test","__proto__":{"roles":["admin"]}}', /^is not one plain/],
      ['{"type":"user","email":"p@example.test","constructor":{}}', /^\/constructor: is not known/],
      ['{"type":"user","email":"t@example.test","email":"u@example.test"}', /^is not one plain JSON object$/],
      [
        `{"type":"user","email":"long@example.test","name":"${'x'.repeat(1024 * 1024)}"}`,
        /^is longer than 256 KiB$/,
      ],
      [user('nobody'), /^\/email: must be one plain email address$/],
      [user('five@example.test', { username: 'a b' }), /^\/username: must be 2 to 32/],
      [user('five@example.test', { username: 'mary' }), /^\/username: belongs to another account$/],
      [user('five@example.test', { id: mary.id }), /^\/id: belongs to another account$/],
      [user('five@example.test', { id: 'auth0|1' }), /^\/id: must be a UUID$/],
      [user('five@example.test', { email_verified: 'true' }), /^\/email_verified: /],
      [user('five@example.test', { roles: ['Admin!'] }), /^\/roles\/0: must be a role/],
      [user('five@example.test', { created_at: '9999-01-01T00:00:00Z' }), /^\/created_at: /],
      [
        user('five@example.test', { system: true, password_hash: foreignHashes[0]?.[2] }),
        /^\/password_hash: must be left out/,
      ],
      [
        user('five@example.test', { username: 'five', preferred_username: 'six' }),
        /^\/preferred_username: must be the same/,
      ],
      [
        '{"type":"person","email":"x@example.test"}',
        /^\/type: must be user, team, role, member, api, client, api_client$/,
      ],
      ['', undefined],
      [user('last@example.test'), undefined],
    ]
    const bytes = Buffer.concat([
      Buffer.from(`${lines.map(([text]) => text).join('\n')}\n`),
      Buffer.from('{"type":"user","email":"latin@example.test","name":"Ren'),
      Buffer.from([0xe9]),
      Buffer.from('"}\r\n'),
    ])
    const { created, refused, code } = await importLines(bytes)
    const wrong = lines.flatMap(([, reason], index) => (reason ? [{ line: index + 1, reason }] : []))
    wrong.push({ line: lines.length + 1, reason: /^is not UTF-8$/ })
    expect(refused).toEqual(
      wrong.map(({ line, reason }) => ({ line, reason: expect.stringMatching(reason) })),
    )
    expect({ created, code }).toEqual({ created: 2, code: 1 })
    expect(await app.services.accounts.findByIdentifier('last@example.test')).not.toBeNull()
  })

  it('says in words what became of it, without letting a name in the file steer the terminal', async () => {
    const path = join(folder, 'words.jsonl')
    writeFileSync(path, '{"type":"user","email":"words@example.test","\\u001b[2Jx":1}\n')
    const ran = await runCommand(['import', path], { databaseUrl: database.url })
    expect(ran).toEqual({
      code: 1,
      stdout: '0 created, 0 there already, 1 refused\nline 1: /\uFFFD[2Jx: is not known: remove it\n',
      stderr: '',
    })
    const missing = await runCommand(['import', join(folder, 'none')], { databaseUrl: database.url })
    expect(missing).toMatchObject({
      code: 1,
      stdout: '',
      stderr: `There is no file ${join(folder, 'none')}.\n`,
    })
    expect(await runCommand(['import'], {})).toMatchObject({ code: 2, stdout: '' })
  })
})

describe('foyer import of teams and clients', () => {
  const team = {
    type: 'team',
    slug: 'royal-society',
    name: 'Royal Society',
    description: 'For natural knowledge',
    members: [
      { user: 'mary@example.test', role: 'owner' },
      { user: 'ada', role: 'admin' },
    ],
  }

  it('makes teams with their members, who stand before them in the file', async () => {
    const lines = linesOf([
      { type: 'user', email: 'caroline@example.test', username: 'caroline' },
      team,
      { type: 'member', team: 'royal-society', user: 'caroline' },
      { type: 'member', team: 'royal-society', user: 'grace@example.test', role: 'nobel' },
      { type: 'member', team: 'royal-society', user: 'later@example.test' },
      { type: 'member', team: 'no-such-team', user: 'caroline' },
      { type: 'team', slug: 'Not A Slug', name: 'x' },
      { type: 'team', slug: 'half', name: 'Half', members: [{ user: 'caroline' }, { user: 'unknown' }] },
      { type: 'user', email: 'later@example.test' },
    ])
    expect(await importLines(lines)).toEqual({
      created: 4,
      unchanged: 0,
      refused: [
        { line: 4, reason: '/role: there is no such role' },
        { line: 5, reason: '/user: there is no such account' },
        { line: 6, reason: '/team: there is no such team' },
        { line: 7, reason: expect.stringMatching(/^\/slug: /) },
        { line: 8, reason: '/members/1/user: there is no such account' },
      ],
      code: 1,
    })
    const { id } = await app.services.teams.getBySlug('royal-society')
    const { data } = await app.services.members.list({ kind: 'operator' }, { teamId: id })
    expect(data.map(({ role }) => role).sort()).toEqual(['admin', 'member', 'owner'])
    expect(await app.services.teams.findBySlug('half')).toBeNull()
  })

  it('leaves a team that is there as it is', async () => {
    expect(await importLines(linesOf([team]))).toMatchObject({ created: 0, unchanged: 1, code: 0 })
    const reason = 'a team with this slug exists, and differs in name'
    expect(await importLines(linesOf([{ ...team, name: 'Another' }]))).toMatchObject({
      refused: [{ line: 1, reason }],
    })
    const more = { ...team, members: [...team.members, { user: 'later@example.test' }] }
    expect(await importLines(linesOf([more]))).toMatchObject({
      refused: [{ line: 1, reason: 'a team with this slug exists, and differs in members' }],
    })
  })

  const secret = 'a-secret-from-the-system-before'
  const client = {
    type: 'client',
    client_id: 'shop',
    client_name: 'Shop',
    grant_types: ['client_credentials'],
  }

  it('makes clients whose apps go on with the secret they have', async () => {
    const hashed = { sha256: hashSecret(`${secret}-2`).toString('hex') }
    const lines = linesOf([
      { ...client, client_secret: secret },
      { ...client, client_id: 'shop-2', client_secret_hashes: [hashed] },
      { ...client, client_id: 'shop-3' },
      { ...client, client_id: 'shop-4', client_secret: 'short' },
      { ...client, client_id: 'shop-5', redirect_uris: ['http://shop.example/'] },
      { ...client, client_id: 'foyer-account' },
      { ...client, client_id: 'shop' },
      { ...client, client_id: 'shop-6', shoe_size: 43 },
      {
        type: 'client',
        client_id: 'spa',
        redirect_uris: ['https://spa.example/callback'],
        token_endpoint_auth_method: 'none',
        client_secret: secret,
      },
    ])
    const report = await importLines(lines)
    expect(report).toMatchObject({ created: 3, code: 1 })
    expect(report.refused.map(({ line, reason }) => `${line} ${reason}`)).toEqual([
      expect.stringMatching(/^4 \/client_secret: is too short/),
      expect.stringMatching(/^5 \/redirect_uris\/0: must use https/),
      '6 /client_id: is one of Foyer’s own',
      '7 /client_id: is that of line 1',
      '8 /shoe_size: is not known: remove it',
      '9 /client_secret: a public client has none',
    ])
    const { machineToken } = createManagement(app.issuer)
    await machineToken(undefined, { ...demoMachine, client_id: 'shop', client_secret: secret })
    await machineToken(undefined, { ...demoMachine, client_id: 'shop-2', client_secret: `${secret}-2` })
    expect(await importLines(linesOf([{ ...client, client_secret: secret }]))).toMatchObject({ unchanged: 1 })
    const dump = JSON.stringify(await allRows(app.services.db))
    expect(dump).not.toContain(secret)
  })
})

describe('foyer import of many', () => {
  const crowd = Array.from({ length: 1_700 }, (_, index) => ({
    type: 'user',
    email: `crowd-${index}@example.test`,
    name: `Person ${index}`,
  }))
  const count = () => app.services.db.prisma.account.count({ where: { email: { startsWith: 'crowd-' } } })

  it('goes on where it was killed', async () => {
    const child = startCommand(['import', '-', '--json'], { databaseUrl: database.url })
    child.stdin.on('error', () => undefined).write(`${linesOf(crowd.slice(0, 1_200))}\n`)
    await expect.poll(count, { timeout: 30_000 }).toBe(1_000)
    child.kill('SIGKILL')

    expect(await importLines(linesOf(crowd))).toEqual({
      created: 700,
      unchanged: 1_000,
      refused: [],
      code: 0,
    })
    expect(await count()).toBe(crowd.length)
    const imported = await app.services.db.prisma.auditEvent.findMany({
      where: { type: 'account.imported' },
      select: { accountId: true },
    })
    expect(new Set(imported.map(({ accountId }) => accountId)).size).toBe(imported.length)
  })
})
