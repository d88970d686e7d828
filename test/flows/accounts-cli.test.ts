import { Readable } from 'node:stream'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { runCli } from '../../src/cli/program.ts'
import type { CliEnvironment } from '../../src/cli/services.ts'
import { ConfigError, describeConfig, loadConfig } from '../../src/config/load.ts'
import type { SigningKey } from '../../src/features/artifacts/signing-keys.ts'
import { hashSecret } from '../../src/kernel/secrets.ts'
import { createRegistry, type Registry } from '../support/registry.ts'

let registry: Registry
beforeAll(async () => {
  registry = await createRegistry()
})
afterAll(() => registry.drop())

const key: SigningKey = {
  kid: 'k1',
  alg: 'ES256',
  state: 'active',
  epoch: 1,
  imported: false,
  publicJwk: {},
  publishedAt: new Date(0),
  activatedAt: null,
  retainUntil: null,
}
let stdin = ''
let answer = { status: 200, body: '{}' }
let posts: { url: string; form: string; headers: Record<string, string> }[] = []
let opened = 0
let closed = 0
beforeEach(() => {
  stdin = ''
  posts = []
  opened = 0
  closed = 0
})

const open = async () => {
  opened += 1
  return {
    ...registry,
    keys: { list: async () => [key], rotate: async () => [key], bring: async () => [key] },
    reseal: async () => [],
    unhurried: registry.db.unhurried,
    close: async () => {
      closed += 1
    },
  }
}

const run = (...args: string[]) => runWith({}, args)

async function runWith(other: Partial<CliEnvironment>, args: readonly string[]) {
  let stdout = ''
  let stderr = ''
  const environment: CliEnvironment = {
    readConfig: () => loadConfig({}, '/nowhere'),
    describeConfig: () => describeConfig({}, '/nowhere'),
    openServices: open,
    migrate: async () => ['20261101000000_foundation'],
    migrateDown: async () => null,
    serve: async () => undefined,
    probes: {
      database: async () => ({ major: 18, version: '18.4', clockAheadMs: 0, pendingMigrations: 0 }),
      mail: async () => undefined,
      redis: async () => undefined,
      modeOf: () => undefined,
    },
    postForm: async (url, form, headers) => {
      posts.push({ url, form: form.toString(), headers })
      return answer
    },
    listenOnLoopback: async () => {
      throw new Error('nobody listens')
    },
    openFile: () => ({ bytes: Readable.from([]), size: 0 }),
    pause: async () => undefined,
    readStdin: async () => stdin,
    readFile: async () => '',
    writeOut: (text) => {
      stdout += text
    },
    streamOut: async (texts) => {
      for await (const text of texts) stdout += text
    },
    writeError: (text) => {
      stderr += text
    },
    showsProgress: false,
    ...other,
  }
  const code = await runCli(args, environment)
  return { code, stdout, stderr }
}
const json = ({ stdout }: { stdout: string }) => JSON.parse(stdout)

describe('foyer user', () => {
  it('create prints a link that lets the person set a password', async () => {
    const made = await run('user', 'create', 'root@example.test', '--role', 'admin', '--name', 'Root')
    expect(made.code).toBe(0)
    expect(made.stdout).toMatch(/^http:\/\/localhost:3000\/setup\?token=foyer_link_[\w-]{43}\n$/)
    const token = new URL(made.stdout).searchParams.get('token') ?? ''
    const account = await registry.tickets.setPasswordByTicket(token, 'difference-engine-1822')
    expect(account).toMatchObject({ email: 'root@example.test', roles: ['admin'], profile: { name: 'Root' } })
  })

  it('create takes a password from stdin and prints no link', async () => {
    stdin = 'analytical-engine-1843\n'
    const made = json(await run('user', 'create', 'ada@example.test', '--password-stdin', '--json'))
    expect(made).toMatchObject({ email: 'ada@example.test', roles: [], status: 'active' })
    expect(made).not.toHaveProperty('link')
    const row = await registry.db.prisma.account.findUnique({ where: { id: made.id } })
    expect(row?.passwordHash).toBe(await registry.passwords.hash('analytical-engine-1843'))
  })

  it('create refuses with exit 1 and words that say what to do', async () => {
    expect(await run('user', 'create', 'root@example.test')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: 'An account with this address exists.\n',
    })
    expect(await run('user', 'create', 'nobody')).toMatchObject({
      code: 1,
      stderr: '/email: Give one plain email address.\n',
    })
    stdin = 'short\n'
    expect((await run('user', 'create', 'x@example.test', '--password-stdin')).stderr).toBe(
      '/password: Use at least 8 characters.\n',
    )
    expect(closed).toBe(opened)
  })

  it('list gives every account, as a table or as JSON', async () => {
    const listed = json(await run('--json', 'user', 'list'))
    expect(listed.map((row: { email: string }) => row.email)).toEqual([
      'root@example.test',
      'ada@example.test',
    ])
    const { stdout } = await run('user', 'list')
    expect(stdout.split('\n')[0]).toMatch(/^id +email +name +username +roles +status/)
    expect(stdout).toContain('ada@example.test')
  })

  it('disable and enable take an address or an id', async () => {
    const disabled = json(await run('user', 'disable', 'ADA@example.test', '--json'))
    expect(disabled.status).toBe('disabled')
    expect(json(await run('user', 'enable', disabled.id, '--json')).status).toBe('active')
    expect(await run('user', 'disable', 'nobody@example.test')).toMatchObject({ code: 1, stdout: '' })
  })

  it('add-role and remove-role change who administers, and leave one who does', async () => {
    const given = await run('user', 'add-role', 'ada@example.test', 'admin', '--json')
    expect(json(given)).toMatchObject({ id: expect.any(String), roles: ['admin'] })
    expect(given.stderr).toContain('ada@example.test has the role admin.')
    expect(json(await run('user', 'remove-role', 'root@example.test', 'admin', '--json')).roles).toEqual([])
    expect(await run('user', 'remove-role', 'ada@example.test', 'admin')).toMatchObject({
      code: 1,
      stdout: '',
    })
    expect(await run('user', 'add-role', 'ada@example.test', 'emperor')).toMatchObject({
      code: 1,
      stderr: '/role: Name a role that there is.\n',
    })
    expect(await run('user', 'add-role', 'nobody@example.test', 'admin')).toMatchObject({ code: 1 })
    expect(await run('user', 'remove-role', 'root@example.test', 'admin')).toMatchObject({ code: 1 })
    expect((await run('user', 'add-role', 'root@example.test')).code).toBe(2)
  })

  it('set-password prints a link, or takes the password from stdin', async () => {
    expect((await run('user', 'set-password', 'ada@example.test')).stdout).toContain('/setup?token=')
    stdin = 'nanoseconds-per-foot-11'
    expect((await run('user', 'set-password', 'ada@example.test', '--password-stdin')).code).toBe(0)
    const row = await registry.db.prisma.account.findUnique({
      where: { emailCanonical: 'ada@example.test' },
    })
    expect(row?.passwordHash).toBe(await registry.passwords.hash(stdin))
  })
})

describe('foyer team', () => {
  it('create and add-member make a team with people in it', async () => {
    expect((await run('team', 'create', 'acme', '--name', 'Acme')).code).toBe(0)
    const added = await run('team', 'add-member', 'acme', 'ada@example.test', '--role', 'owner', '--json')
    expect(json(added)).toMatchObject({ team: 'acme', role: 'owner' })
    expect(await registry.teams.membershipsOf(json(added).user_id)).toMatchObject([
      { slug: 'acme', role: 'owner' },
    ])
    expect(await run('team', 'add-member', 'acme', 'ada@example.test')).toMatchObject({
      code: 1,
      stderr: 'This account belongs to the team already.\n',
    })
  })

  it('knows its roles', async () => {
    expect((await run('team', 'add-member', 'acme', 'ada@example.test', '--role', 'king')).code).toBe(2)
  })
})

describe('foyer client', () => {
  const metadata = '{"client_name":"Shop","redirect_uris":["https://shop.example/callback"]}'

  it('create prints the client with its id and secret, as JSON in either mode', async () => {
    const [plain, compact] = [
      await run('client', 'create', '--metadata', metadata),
      await run('client', 'create', '--metadata', metadata, '--json'),
    ]
    for (const made of [plain, compact]) {
      expect(json(made)).toMatchObject({
        client_id: expect.any(String),
        client_secret: expect.stringMatching(/^foyer_cs_/),
        client_name: 'Shop',
        redirect_uris: ['https://shop.example/callback'],
        token_endpoint_auth_method: 'client_secret_basic',
      })
    }
    expect(json(plain).client_id).not.toBe(json(compact).client_id)
  })

  it('update changes what is named and keeps the rest', async () => {
    const { client_id: id } = json(await run('client', 'create', '--metadata', metadata))
    const changed = await run(
      'client',
      'update',
      id,
      '--metadata',
      '{"client_name":null,"first_party":true}',
      '--json',
    )
    expect(json(changed)).toMatchObject({
      first_party: true,
      redirect_uris: ['https://shop.example/callback'],
    })
    expect(json(changed)).not.toHaveProperty('client_name')
    expect(json(changed)).not.toHaveProperty('client_secret')
  })

  it('update refuses to write over what somebody else changed meanwhile', async () => {
    const { client_id: id } = json(await run('client', 'create', '--metadata', metadata))
    const clients = {
      ...registry.clients,
      get: async () => {
        const read = await registry.clients.get(id)
        const meanwhile = { ...read.metadata, client_name: 'Renamed meanwhile' }
        await registry.clients.update({ kind: 'operator' }, id, { metadata: meanwhile })
        return read
      },
    }
    const change = '{"client_uri":"https://shop.example/"}'
    const late = await runWith({ openServices: async () => ({ ...(await open()), clients }) }, [
      'client',
      'update',
      id,
      '--metadata',
      change,
    ])
    expect(late).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('has changed it meanwhile'),
    })
    expect((await registry.clients.get(id)).metadata.client_name).toBe('Renamed meanwhile')
  })

  it('update lets the grants of a client change', async () => {
    const { client_id: id } = json(await run('client', 'create', '--metadata', metadata))
    const change = '{"grant_types":["client_credentials"]}'
    expect(json(await run('client', 'update', id, '--metadata', change))).toMatchObject({
      response_types: [],
    })
  })

  it('update says who may use a client, and opens it to everybody again', async () => {
    const { client_id: id } = json(await run('client', 'create', '--metadata', metadata))
    const limited = await run('client', 'update', id, '--metadata', '{"access":{"roles":["admin"]}}')
    expect(json(limited)).toMatchObject({ access: { roles: ['admin'], teams: [] } })
    const empty = await run('client', 'update', id, '--metadata', '{"access":{}}')
    expect(empty).toMatchObject({ code: 1, stderr: expect.stringContaining('must name a role or a team') })
    const open = await run('client', 'update', id, '--metadata', '{"access":null}')
    expect(json(open)).not.toHaveProperty('access')
  })

  it('rotate-secret prints the new secret', async () => {
    const { client_id: id } = json(await run('client', 'create', '--metadata', metadata))
    const { stdout } = await run('client', 'rotate-secret', id)
    const found = await registry.clientStore.findForProtocol(id, registry.clock.now())
    expect(found?.secrets[0]?.hash).toEqual(hashSecret(stdout.trim()))
    expect(found?.secrets).toHaveLength(2)
  })

  it('delete removes it, once', async () => {
    const { client_id: id } = json(await run('client', 'create', '--metadata', metadata))
    expect(json(await run('client', 'delete', id, '--json'))).toEqual({ client_id: id, deleted: true })
    expect(await run('client', 'delete', id)).toMatchObject({ code: 1, stderr: 'There is no such client.\n' })
  })

  it('list shows every client', async () => {
    const listed = json(await run('client', 'list', '--json'))
    expect(listed).toHaveLength(await registry.db.prisma.client.count())
  })

  it.each([
    ['no JSON', 'shop'],
    ['a list', '[]'],
    ['a bad redirect URI', '{"redirect_uris":["http://shop.example/"]}'],
    ['an unknown member', '{"redirect_uris":["https://shop.example/"],"favourite_colour":"blue"}'],
  ])('create refuses %s', async (_, text) => {
    const { code, stdout, stderr } = await run('client', 'create', '--metadata', text)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^(--metadata|\/redirect_uris\/0|\/favourite_colour): /)
  })
})

describe('foyer token client-credentials', () => {
  const ask = ['token', 'client-credentials', '--client-id', 'demo machine', '--client-secret', 'a:b%c']

  it('asks the issuer as the client and prints the token', async () => {
    answer = { status: 200, body: '{"access_token":"abc","expires_in":900}' }
    const { code, stdout } = await run(
      ...ask,
      '--scope',
      'users:read quests:read',
      '--resource',
      'urn:demo:quests',
    )
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'abc\n' })
    expect(posts).toEqual([
      {
        url: 'http://localhost:3000/oauth2/token',
        form: 'grant_type=client_credentials&scope=users%3Aread+quests%3Aread&resource=urn%3Ademo%3Aquests',
        headers: { authorization: `Basic ${Buffer.from('demo+machine:a%3Ab%25c').toString('base64')}` },
      },
    ])
    expect(json(await run(...ask, '--json'))).toEqual({ access_token: 'abc', expires_in: 900 })
    expect(opened).toBe(0)
  })

  it.each([
    [
      'an OAuth error',
      { status: 401, body: '{"error":"invalid_client","error_description":"no"}' },
      'invalid_client: no\n',
    ],
    ['a page', { status: 502, body: '<html>' }, 'The token endpoint answered 502 and no token.\n'],
    ['no token', { status: 200, body: '{}' }, 'The token endpoint answered 200 and no token.\n'],
  ])('fails with exit 1 on %s', async (_, given, words) => {
    answer = given
    expect(await run(...ask)).toEqual({ code: 1, stdout: '', stderr: words })
  })
})

describe('foyer', () => {
  it('speaks of its installation', async () => {
    expect(json(await run('config', 'check', '--json'))).toEqual({
      ok: true,
      mode: 'development',
      issuer: 'http://localhost:3000',
    })
    const settings = json(await run('config', 'print', '--json'))
    expect(settings).toContainEqual({ name: 'PORT', value: '3000', source: 'default' })
    expect(json(await run('migrate', '--json'))).toEqual({ applied: ['20261101000000_foundation'] })
    expect(json(await run('migrate', 'down', '--json'))).toEqual({ reverted: null })
    expect(json(await run('key', 'list', '--json'))).toEqual([
      {
        kid: 'k1',
        alg: 'ES256',
        state: 'active',
        published_at: '1970-01-01T00:00:00.000Z',
        activated_at: null,
        retained_until: null,
        imported: false,
      },
    ])
    const rotated = await run('key', 'rotate', '--alg', 'ES256', '--json')
    expect([rotated.code, json(rotated)]).toEqual([0, [expect.objectContaining({ kid: 'k1' })]])
    expect((await run('key', 'rotate', '--alg', 'HS256')).code).toBe(2)
  })

  it.each([
    ['nothing', []],
    ['an unknown command', ['usr', 'list']],
    ['an unknown option', ['user', 'list', '--fast']],
    ['a missing argument', ['user', 'create']],
    ['a missing option', ['client', 'create']],
    ['an argument too many', ['user', 'list', 'all']],
  ])('answers %s with exit 2, help on stderr and nothing on stdout', async (_, args) => {
    const { code, stdout, stderr } = await run(...args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).not.toBe('')
    expect(opened).toBe(0)
  })

  it('helps with exit 0', async () => {
    const { code, stdout } = await run('--help')
    expect(code).toBe(0)
    expect(stdout).toContain('client')
  })

  it('tells every error of the configuration', async () => {
    const problems = [
      { name: 'PORT', text: 'is not a number' },
      { name: 'FOYER_PROT', text: 'is not a setting of Foyer' },
    ]
    const readConfig = () => {
      throw new ConfigError(problems)
    }
    const { code, stderr } = await runWith({ readConfig }, ['config', 'check'])
    expect(code).toBe(1)
    expect(stderr).toBe('PORT is not a number\nFOYER_PROT is not a setting of Foyer\n')
  })
})
