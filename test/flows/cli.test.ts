// The built command line from outside, beside a running product.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEnvironment } from '../../src/cli/environment.ts'
import { runCli } from '../../src/cli/program.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { createPerson, leftOf } from '../support/browser-less.ts'
import { type CommandOptions, type Ran, runCommand, startCommand } from '../support/command.ts'
import { freePort } from '../support/ports.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { ada } from '../support/rp.ts'
import { tableCounts } from '../support/tables.ts'

const folder = mkdtempSync(join(tmpdir(), 'foyer-cli-'))
let database: TestDatabase
let app: TestApp
beforeAll(async () => {
  database = await createTestDatabase()
  app = await startApp({ databaseUrl: database.url, env: { FOYER_LOGIN_LAYOUT: 'single' } })
})
afterAll(async () => {
  await app.close()
  await database.drop()
  rmSync(folder, { recursive: true })
})

const beside = (more: Partial<CommandOptions> = {}): CommandOptions => ({
  databaseUrl: database.url,
  issuer: app.issuer,
  dataDir: folder,
  ...more,
})

type Finding = { check: string; verdict: string; detail: string }

async function doctor(
  options: CommandOptions,
): Promise<Ran & { verdicts: Record<string, string>; findings: Finding[] }> {
  const ran = await runCommand(['doctor', '--json'], options)
  const findings: Finding[] = JSON.parse(ran.stdout)
  return {
    ...ran,
    findings,
    verdicts: Object.fromEntries(findings.map(({ check, verdict }) => [check, verdict])),
  }
}

describe('foyer doctor', () => {
  it('finds nothing in the way of a development instance that runs', async () => {
    const { code, verdicts, stderr } = await doctor(beside())
    expect(verdicts).toEqual({
      configuration: 'ok',
      issuer: 'ok',
      proxy: 'ok',
      secrets: 'ok',
      files: 'ok',
      database: 'ok',
      schema: 'ok',
      clock: 'ok',
      'signing keys': 'ok',
      mail: 'ok',
      redis: 'ok',
    })
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'Nothing stands in the way.\n' })
  })

  it('names what a production instance lacks, and fails', async () => {
    const nobody = await freePort()
    const keys = join(folder, 'keys')
    mkdirSync(keys)
    chmodSync(keys, 0o755)
    const env = {
      NODE_ENV: 'production',
      FOYER_ISSUER: 'https://id.example.test',
      SMTP_URL: `smtp://127.0.0.1:${nobody}`,
      REDIS_URL: `redis://127.0.0.1:${nobody}`,
    }
    const { code, verdicts, findings } = await doctor(beside({ env }))
    expect(verdicts).toMatchObject({
      proxy: 'warning',
      secrets: 'ok',
      files: 'failed',
      redis: 'warning',
      mail: 'failed',
    })
    expect(findings.find(({ check }) => check === 'files')?.detail).toContain(keys)
    expect(code).toBe(1)
    chmodSync(keys, 0o700)
  })

  it('warns where whoever reaches the port is believed to be a proxy', async () => {
    const env = {
      NODE_ENV: 'production',
      FOYER_ISSUER: 'https://id.example.test',
      FOYER_REGISTRATION: 'closed',
      FOYER_TRUSTED_PROXY_HOPS: '1',
    }
    const verdictOf = async (more: Record<string, string>) =>
      (await doctor(beside({ env: { ...env, ...more } }))).verdicts.proxy
    expect(await verdictOf({})).toBe('warning')
    expect(await verdictOf({ FOYER_TRUSTED_PROXIES: '10.0.0.5' })).toBe('ok')
    expect(await verdictOf({ HOST: '127.0.0.1' })).toBe('ok')
  })

  it('tells of a schema that is behind, and migrates nothing', async () => {
    const empty = await createTestDatabase({ migrated: false })
    const { code, verdicts } = await doctor(beside({ databaseUrl: empty.url }))
    expect({ code, schema: verdicts.schema, keys: verdicts['signing keys'] }).toEqual({
      code: 1,
      schema: 'failed',
      keys: undefined,
    })
    expect(await tableCounts(empty.db)).toEqual({})
    await empty.drop()
  })

  it('tells of a database that does not answer', async () => {
    const databaseUrl = `postgres://nobody@127.0.0.1:${await freePort()}/none`
    const { code, verdicts } = await doctor(beside({ databaseUrl }))
    expect({ code, database: verdicts.database }).toEqual({ code: 1, database: 'failed' })
  })

  it('tells everything that is wrong with the configuration', async () => {
    const { code, findings } = await doctor(beside({ env: { PORT: 'x', FOYER_PROT: '1' } }))
    expect(code).toBe(1)
    expect(findings).toMatchObject([{ check: 'configuration', verdict: 'failed' }])
    expect(findings[0]?.detail).toMatch(/FOYER_PROT.*PORT must be/)
  })

  it('speaks to people in a table without colours', async () => {
    const { stdout } = await runCommand(['doctor'], beside())
    expect(stdout.split('\n')[0]).toMatch(/^check +verdict +detail$/)
    expect(stdout).not.toContain('\u001b')
  })
})

/** What the command says on stderr, until it has said where to sign in. */
async function addressFrom(child: ReturnType<typeof startCommand>): Promise<string> {
  let said = ''
  for await (const chunk of child.stderr) {
    said += String(chunk)
    const found = /http\S+\/oauth2\/authorize\S+/.exec(said)?.[0]
    if (found && said.includes('Waiting')) return found
  }
  throw new Error(said)
}

async function codeFlow(args: string[], decide: (address: string) => Promise<URL>) {
  const child = startCommand(['token', 'code', ...args], beside())
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  let stdout = ''
  child.stdout.on('data', (chunk) => {
    stdout += String(chunk)
  })
  const back = await decide(await addressFrom(child))
  const wrong = new URL(back)
  wrong.searchParams.set('state', 'of-somebody-else')
  const statuses = [(await fetch(wrong)).status, (await fetch(back)).status]
  return { code: await ended, stdout, statuses }
}

describe('foyer token code', () => {
  it('prints where to sign in, waits for the code and prints the tokens', async () => {
    const { code, stdout, statuses } = await codeFlow(
      ['--client-id', 'demo-native', '--scope', 'openid email'],
      async (address) => {
        const person = createPerson()
        return leftOf(await person.submit(await person.open(address), ada))
      },
    )
    expect({ code, statuses }).toEqual({ code: 0, statuses: [400, 200] })
    expect(JSON.parse(stdout)).toMatchObject({
      access_token: expect.any(String),
      id_token: expect.any(String),
      scope: 'openid email',
    })
  })

  it('fails with the words of whoever refused', async () => {
    const { code, stdout } = await codeFlow(['--client-id', 'demo-native'], async (address) => {
      const person = createPerson()
      const page = await person.open(address)
      return leftOf(await person.submit(page, {}, { button: { name: 'decision', value: 'deny' } }))
    })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  })

  it('refuses a port that is none', async () => {
    const args = ['token', 'code', '--client-id', 'demo-native', '--port', '99999']
    expect(await runCommand(args, beside())).toMatchObject({ code: 2, stdout: '' })
  })
})

describe('the commands', () => {
  it.each([
    'serve',
    'migrate',
    'config check',
    'config print',
    'doctor',
    'user create',
    'user list',
    'user disable',
    'user set-password',
    'team create',
    'team add-member',
    'client create',
    'client list',
    'client update',
    'client rotate-secret',
    'client delete',
    'key list',
    'key rotate',
    'token client-credentials',
    'token code',
    'import',
    'export',
  ])('%s is there, and explains itself', async (command) => {
    let said = ''
    const writeOut = (text: string) => {
      said += text
    }
    const environment = { ...createEnvironment(), writeOut }
    expect(await runCli([...command.split(' '), '--help'], environment)).toBe(0)
    expect(said).toContain(`foyer ${command}`)
  })

  it('work beside the embedded database of nobody, which they start and stop', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'foyer-cli-embedded-'))
    chmodSync(dataDir, 0o711)
    const file = join(folder, 'one.jsonl')
    writeFileSync(file, '{"type":"user","email":"embedded@example.test"}\n')
    const taken = await runCommand(['import', file, '--json'], { dataDir })
    expect(JSON.parse(taken.stdout)).toEqual({ created: 1, unchanged: 0, refused: [] })
    const given = await runCommand(['export'], { dataDir })
    expect(given.stdout).toContain('embedded@example.test')
    rmSync(dataDir, { recursive: true })
  })
})
