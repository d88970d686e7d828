// The configuration: defaults, files, refusals, and what it never repeats.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ConfigError, describeConfig, loadConfig } from '../../src/config/load.ts'

const folder = mkdtempSync(join(tmpdir(), 'foyer-config-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

function problemsOf(env: Record<string, string>): string[] {
  try {
    loadConfig(env, folder)
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.message.split('\n')
  }
}

const key = Buffer.alloc(32, 7).toString('base64')
const production = {
  NODE_ENV: 'production',
  FOYER_ISSUER: 'https://id.example.com',
  SMTP_URL: 'smtp://mail.example.com',
}

describe('the configuration', () => {
  it('needs nothing in development and stays on loopback', () => {
    expect(loadConfig({}, folder)).toMatchObject({
      mode: 'development',
      issuer: 'http://localhost:3000',
      insecureIssuer: true,
      listen: { port: 3000, hosts: ['127.0.0.1', '::1'] },
      playgroundPort: 3001,
      dataDir: join(folder, 'data'),
      passwordMinLength: 8,
      clientRegistration: { mode: 'open' },
      testHooks: false,
    })
  })

  it('moves the default issuer with PORT', () => {
    expect(loadConfig({ PORT: '4100' }, folder).issuer).toBe('http://localhost:4100')
  })

  it('believes a header with certificates of a proxy alone, and takes no authority without one', () => {
    const header = { FOYER_CLIENT_CERTIFICATE_HEADER: 'Client-Cert' }
    const hops = { FOYER_TRUSTED_PROXY_HOPS: '1' }
    const proxies = { FOYER_TRUSTED_PROXIES: '10.0.0.5, fd00::/8' }
    expect(problemsOf({ ...header, ...hops })).toEqual([expect.stringContaining('FOYER_TRUSTED_PROXIES')])
    expect(problemsOf({ ...header, ...proxies })).toEqual([
      expect.stringContaining('FOYER_TRUSTED_PROXY_HOPS'),
    ])
    expect(loadConfig({ ...header, ...hops, ...proxies }, folder).mutualTls).toEqual({
      header: 'client-cert',
      authorities: [],
      origin: undefined,
    })
    expect(problemsOf({ FOYER_MTLS_ORIGIN: 'https://mtls.example.com' })).toEqual([
      expect.stringContaining('FOYER_CLIENT_CERTIFICATE_HEADER'),
    ])
    expect(problemsOf({ FOYER_CLIENT_CERTIFICATE_CA: 'none' })).toEqual([
      expect.stringContaining('must be certificates in PEM'),
    ])
    expect(
      problemsOf({ FOYER_CLIENT_CERTIFICATE_HEADER: 'no header', FOYER_TRUSTED_PROXY_HOPS: '1' }),
    ).toHaveLength(1)
  })

  it.each([
    '10.0.0.0/33',
    'proxy.internal',
    '10.0.0.5,',
    '::/129',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
    'fe80::1%0',
  ])('takes no proxy at %s', (FOYER_TRUSTED_PROXIES) => {
    expect(problemsOf({ FOYER_TRUSTED_PROXIES, FOYER_TRUSTED_PROXY_HOPS: '1' })).toEqual([
      expect.stringContaining('must be addresses or networks'),
    ])
  })

  it('takes hosts that may describe apps, and else everybody or nobody', () => {
    const of = (env: Record<string, string>) => loadConfig(env, folder).clientDocuments
    expect(of({ FOYER_CLIENT_DOCUMENTS: 'Agent.example, apps.example:8443' })).toEqual([
      'agent.example',
      'apps.example:8443',
    ])
    expect(of({ FOYER_CLIENT_DOCUMENTS: 'closed' })).toBe('closed')
    expect(of({})).toBe('open')
    expect(of(production)).toBe('closed')
  })

  it('takes NODE_ENV=test for development', () => {
    expect(loadConfig({ NODE_ENV: 'test' }, folder).mode).toBe('development')
  })

  it('listens on every address in production, without playground, and asks for long passwords', () => {
    expect(loadConfig(production, folder)).toMatchObject({
      mode: 'production',
      insecureIssuer: false,
      listen: { hosts: [''] },
      playgroundPort: 0,
      passwordMinLength: 15,
      clientRegistration: { mode: 'closed' },
      mailFrom: 'Foyer <no-reply@id.example.com>',
    })
  })

  it.each([
    ['https://ID.example.com/', 'https://id.example.com'],
    ['https://id.example.com:443', 'https://id.example.com'],
    ['https://id.example.com:8443', 'https://id.example.com:8443'],
  ])('writes the issuer %s as %s', (given, canonical) => {
    expect(loadConfig({ ...production, FOYER_ISSUER: given }, folder).issuer).toBe(canonical)
  })

  it('allows http in production on loopback', () => {
    const config = loadConfig({ ...production, FOYER_ISSUER: 'http://localhost:3000' }, folder)
    expect(config.insecureIssuer).toBe(true)
  })

  it('counts the empty string as not set', () => {
    expect(loadConfig({ PORT: '', FOYER_ISSUER: '', METRICS_TOKEN_FILE: '' }, folder).listen.port).toBe(3000)
  })

  it('decodes the key-encryption key', () => {
    expect(loadConfig({ FOYER_KEY_ENCRYPTION_KEY: key }, folder).keyEncryptionKey).toEqual(
      Buffer.alloc(32, 7),
    )
  })
})

describe('a setting in a file', () => {
  it('is read without the newline at its end', () => {
    const path = file('token', 'metrics-token-123456\n')
    expect(loadConfig({ METRICS_TOKEN_FILE: path }, folder).metrics.token).toBe('metrics-token-123456')
  })

  it('loses one newline only', () => {
    const path = file('twice', 'metrics-token-123456\n\n')
    expect(loadConfig({ METRICS_TOKEN_FILE: path }, folder).metrics.token).toBe('metrics-token-123456\n')
  })

  it('may be named from the working directory', () => {
    file('relative', 'metrics-token-654321')
    expect(loadConfig({ METRICS_TOKEN_FILE: 'relative' }, folder).metrics.token).toBe('metrics-token-654321')
  })

  it('is refused beside the plain form, and both are named', () => {
    const [line, ...others] = problemsOf({ PORT: '4000', PORT_FILE: file('port', '4001') })
    expect(others).toEqual([])
    expect(line).toContain('PORT and PORT_FILE')
  })

  it.each([
    ['missing', join(folder, 'missing'), 'ENOENT'],
    ['a folder', folder, 'EISDIR'],
  ])('is refused when it is %s', (_, path, reason) => {
    const [line = ''] = problemsOf({ METRICS_TOKEN_FILE: path })
    expect(line).toContain('METRICS_TOKEN_FILE')
    expect(line).toContain(path)
    expect(line).toContain(reason)
  })

  it('is refused when it is empty', () => {
    expect(problemsOf({ METRICS_TOKEN_FILE: file('empty', '\n') })[0]).toContain('is empty')
  })

  it('is not repeated when it holds something else', () => {
    const path = file('wrong', 'root:x:0:0')
    expect(problemsOf({ PORT_FILE: path }).join()).not.toContain('root:x')
  })
})

describe('an error', () => {
  it.each([
    ['an unknown name', { FOYER_COLOUR: 'red' }, 'FOYER_COLOUR is not a setting'],
    ['a name one letter off', { FOYER_ISSUR: 'x' }, 'did you mean FOYER_ISSUER?'],
    ['an unknown name in its file form', { FOYER_COLOUR_FILE: '/x' }, 'FOYER_COLOUR_FILE is not a setting'],
    ['an empty unknown name', { FOYER_COLOUR: '' }, 'FOYER_COLOUR is not a setting'],
    ['a port that is none', { PORT: '70000' }, 'PORT must be a whole number from 1 to 65535, not "70000"'],
    ['a number in another notation', { FOYER_ACCESS_TOKEN_TTL: '1e3' }, 'FOYER_ACCESS_TOKEN_TTL must be'],
    ['an issuer with a path', { FOYER_ISSUER: 'http://localhost:3000/id' }, 'no path'],
    ['an issuer with a user', { FOYER_ISSUER: 'http://a@localhost:3000' }, 'no path, query or user'],
    ['an issuer with a query', { FOYER_ISSUER: 'http://localhost:3000/?' }, 'no path, query or user'],
    ['an issuer of another scheme', { FOYER_ISSUER: 'ftp://localhost' }, 'http or https'],
    ['production without an issuer', { NODE_ENV: 'production' }, 'FOYER_ISSUER is required in production'],
    [
      'sign-up by a mailed code without mail',
      { ...production, SMTP_URL: '' },
      'FOYER_REGISTRATION is verified, which needs SMTP_URL',
    ],
    [
      'apps that register by a token that is not there',
      { FOYER_CLIENT_REGISTRATION: 'token' },
      'FOYER_CLIENT_REGISTRATION is token, which needs FOYER_INITIAL_ACCESS_TOKEN',
    ],
    [
      'documents of what is no host',
      { FOYER_CLIENT_DOCUMENTS: 'https://agent.example' },
      'must be open, closed',
    ],
    ['documents of no host', { FOYER_CLIENT_DOCUMENTS: 'agent.example,' }, 'must be open, closed'],
    ['a token that is easily guessed', { FOYER_INITIAL_ACCESS_TOKEN: 'secret' }, 'at least 32 characters'],
    ['http outside loopback', { ...production, FOYER_ISSUER: 'http://id.example.com' }, 'use https'],
    ['development outside loopback', { FOYER_ISSUER: 'https://id.example.com' }, 'set NODE_ENV=production'],
    ['development on every address', { HOST: '0.0.0.0' }, 'HOST is not loopback'],
    ['test hooks in production', { ...production, FOYER_TEST_HOOKS: '1' }, 'FOYER_TEST_HOOKS'],
    [
      'test hooks in public',
      { FOYER_TEST_HOOKS: '1', FOYER_ISSUER: 'https://example.com' },
      'FOYER_TEST_HOOKS',
    ],
    [
      'a given database without a key',
      { ...production, DATABASE_URL: 'postgres://h/d' },
      'FOYER_KEY_ENCRYPTION_KEY',
    ],
    [
      'a former key that is none',
      { FOYER_KEY_ENCRYPTION_KEY: `${'A'.repeat(43)}=`, FOYER_KEY_ENCRYPTION_KEY_OLD: `${'A'.repeat(43)}=` },
      'FOYER_KEY_ENCRYPTION_KEY_OLD equals FOYER_KEY_ENCRYPTION_KEY',
    ],
    ['a key that is too short', { FOYER_KEY_ENCRYPTION_KEY: 'c2hvcnQ=' }, 'must be 32 bytes in base64'],
    ['a database of another kind', { DATABASE_URL: 'mysql://h/d' }, 'postgres://'],
    ['two senders', { FOYER_MAIL_FROM: 'a@example.com, b@example.com' }, 'FOYER_MAIL_FROM must be like'],
    ['a metrics port that is taken', { METRICS_PORT: '3000' }, 'METRICS_PORT equals PORT'],
    ['a playground port that is taken', { FOYER_PLAYGROUND_PORT: '3000' }, 'FOYER_PLAYGROUND_PORT is taken'],
  ])('is told of %s', (_, env, words) => {
    expect(problemsOf(env).join('\n')).toContain(words)
  })

  it('comes with all others at once, each on a line of its own', () => {
    const lines = problemsOf({ FOYER_A: '1', PORT: 'x', REDIS_URL: 'http://r', HOST: '0.0.0.0' })
    expect(lines.map((line) => line.split(' ', 1)[0])).toEqual(['FOYER_A', 'PORT', 'REDIS_URL', 'HOST'])
  })

  it('never repeats a secret', () => {
    const secret = 'mysql://foyer:hunter2@db/foyer'
    const lines = problemsOf({
      DATABASE_URL: secret,
      METRICS_TOKEN: 'hunter2',
      FOYER_KEY_ENCRYPTION_KEY: 'hunter2',
    })
    expect(lines).toHaveLength(3)
    expect(lines.join()).not.toContain('hunter2')
  })
})

describe('test hooks', () => {
  it.each([
    'http://localhost:3000',
    'https://10.1.2.3',
    'https://[fd00::1]',
    'https://id.test',
    'https://a.internal',
  ])('are allowed on %s', (issuer) => {
    expect(loadConfig({ FOYER_TEST_HOOKS: '1', FOYER_ISSUER: issuer }, folder).testHooks).toBe(true)
  })

  it.each(['https://id.example.com', 'https://8.8.8.8', 'https://test', 'https://id.test.example.com'])(
    'are refused on %s',
    (issuer) => {
      expect(problemsOf({ FOYER_TEST_HOOKS: '1', FOYER_ISSUER: issuer })).toHaveLength(1)
    },
  )
})

describe('the printed configuration', () => {
  it('tells where each value comes from and hides secrets', () => {
    const env = {
      PORT: '4200',
      REDIS_URL: 'redis://:hunter2@r',
      METRICS_TOKEN_FILE: file('m', 'hunter2-hunter2-hunter2'),
    }
    const rows = new Map(describeConfig(env, folder).map((row) => [row.name, row]))
    expect(rows.get('PORT')).toMatchObject({ value: '4200', source: 'environment' })
    expect(rows.get('METRICS_TOKEN')).toMatchObject({ source: 'file' })
    expect(rows.get('FOYER_ISSUER')).toMatchObject({ value: 'http://localhost:4200', source: 'default' })
    expect(JSON.stringify([...rows.values()])).not.toContain('hunter2')
  })
})
