// The Dockerfile and the compose file: read strictly, and their commands run where no container engine is needed.
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { loadConfig } from '../../src/config/load.ts'
import { connectionFromUrl } from '../../src/platform/connection.ts'

type Instruction = { name: string; rest: string }

const known = [
  'FROM',
  'WORKDIR',
  'COPY',
  'RUN',
  'ENV',
  'LABEL',
  'USER',
  'VOLUME',
  'EXPOSE',
  'HEALTHCHECK',
  'ENTRYPOINT',
  'CMD',
]

// Comments go first, then a backslash joins lines, as the builder reads them.
const instructions: Instruction[] = readFileSync('Dockerfile', 'utf8')
  .replace(/^#.*\n/gm, '')
  .replace(/\\\n\s*/g, ' ')
  .split('\n')
  .filter(Boolean)
  .map((line) => {
    const [name = '', ...rest] = line.split(' ')
    return { name, rest: rest.join(' ') }
  })

const lastStage = instructions.slice(instructions.findLastIndex(({ name }) => name === 'FROM'))
const inLastStage = (name: string) => lastStage.filter((each) => each.name === name).map(({ rest }) => rest)
const execForm = (text: string) => z.array(z.string()).min(1).parse(JSON.parse(text))

describe('the Dockerfile', () => {
  it('has only instructions that exist, two stages, and a base of Node 24', () => {
    expect(instructions.filter(({ name }) => !known.includes(name))).toEqual([])
    const bases = instructions.filter(({ name }) => name === 'FROM').map(({ rest }) => rest)
    expect(bases).toEqual(['node:24-slim AS build', 'node:24-slim'])
  })

  it('runs not as root, in production mode, and writes to /data', () => {
    expect(inLastStage('USER')).toEqual(['10001:10001'])
    expect(inLastStage('ENV').join(' ')).toContain('NODE_ENV=production FOYER_DATA_DIR=/data')
    expect(execForm(inLastStage('VOLUME')[0] ?? '')).toEqual(['/data'])
  })

  it('starts without a shell of its own in between', () => {
    expect(execForm(inLastStage('ENTRYPOINT')[0] ?? '')).toEqual(['foyer'])
    expect(execForm(inLastStage('CMD')[0] ?? '')).toEqual(['serve'])
    const { bin } = z
      .object({ bin: z.object({ foyer: z.string() }) })
      .parse(JSON.parse(readFileSync('package.json', 'utf8')))
    expect(inLastStage('RUN')[0]).toContain(`exec node /app/${bin.foyer} "$@"`)
  })

  it('copies what exists and is not ignored', () => {
    const ignored = readFileSync('.dockerignore', 'utf8').split('\n')
    const copied = instructions
      .filter(({ name, rest }) => name === 'COPY' && !rest.startsWith('--from'))
      .flatMap(({ rest }) => rest.split(' ').slice(0, -1))
    expect(copied).toContain('package-lock.json')
    expect(copied.filter((path) => !existsSync(path) || ignored.includes(path))).toEqual([])
  })

  it('takes along every folder that the program reads', () => {
    const taken = inLastStage('COPY').map((rest) => /--from=build \/app\/(\S+) /.exec(rest)?.[1])
    expect(taken.sort()).toEqual([
      'dist',
      'locales',
      'node_modules',
      'package.json',
      'prisma/migrations',
      'public',
      'views',
      'wordlists',
    ])
  })

  it.each([
    [200, 0],
    [503, 1],
  ])('has a health check that turns %i from /readyz into exit code %i', async (status, code) => {
    const [, command = ''] = /CMD (\[.*\])$/.exec(inLastStage('HEALTHCHECK')[0] ?? '') ?? []
    const [program = '', ...args] = execForm(command)
    expect(program).toBe('node')
    const server = createServer((req, res) => res.writeHead(req.url === '/readyz' ? status : 404).end())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const exitCode = await new Promise((resolve) => {
      execFile(process.execPath, args, { env: { PORT: String(port) } }, (error) =>
        resolve(error ? error.code : 0),
      )
    })
    await new Promise((resolve) => server.close(resolve))
    expect(exitCode).toBe(code)
  })
})

const Service = z.object({
  image: z.string(),
  user: z.string().optional(),
  read_only: z.literal(true),
  cap_drop: z.tuple([z.literal('ALL')]),
  security_opt: z.tuple([z.literal('no-new-privileges:true')]),
  // Without a value it is the shell's, and left out where that has none
  environment: z.record(z.string(), z.union([z.string(), z.number(), z.null()])).default({}),
  volumes: z.array(z.string()).default([]),
  ports: z.array(z.string()).default([]),
  command: z.array(z.string()).optional(),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  healthcheck: z.object({ test: z.array(z.string()) }).optional(),
})
const Compose = z.object({
  name: z.string(),
  services: z.record(z.string(), Service),
  volumes: z.record(z.string(), z.null()),
})

// graphile-worker's reader of configuration files brings it along
const Yaml = z.object({ load: z.function({ input: [z.string()], output: z.unknown() }) })
const { load } = Yaml.parse(createRequire(import.meta.url)('js-yaml'))
const compose = Compose.parse(load(readFileSync('docker-compose.yml', 'utf8')))
const service = (name: string) => z.custom<z.output<typeof Service>>(Boolean).parse(compose.services[name])

describe('the compose file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'foyer-compose-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('has Foyer, PostgreSQL, Redis and a mail catcher, each with a tag and without a root of its own', () => {
    expect(Object.keys(compose.services).sort()).toEqual(['foyer', 'mail', 'postgres', 'redis', 'secrets'])
    for (const [name, { image, user }] of Object.entries(compose.services)) {
      if (name !== 'foyer') expect(image).toMatch(/:v?\d/)
      if (name !== 'foyer' && name !== 'secrets') expect(user).toMatch(/^[1-9]\d*:[1-9]\d*$/)
    }
  })

  it('waits for services that exist and can be found healthy', () => {
    for (const { depends_on: needed } of Object.values(compose.services)) {
      for (const [name, { condition }] of Object.entries(needed)) {
        if (condition === 'service_healthy') expect(service(name).healthcheck).toBeDefined()
        else expect([name, condition]).toEqual(['secrets', 'service_completed_successfully'])
      }
    }
  })

  it('is reachable from this machine only', () => {
    const ports = Object.values(compose.services).flatMap((each) => each.ports)
    expect(ports.length).toBeGreaterThan(0)
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([])
  })

  it('declares every volume it mounts, and mounts secrets read-only where they are used', () => {
    const mounts = Object.values(compose.services).flatMap((each) => each.volumes)
    expect([...new Set(mounts.map((mount) => mount.split(':')[0]))].sort()).toEqual(
      Object.keys(compose.volumes).sort(),
    )
    expect(service('foyer').volumes).toContain('secrets:/secrets:ro')
    expect(service('postgres').volumes).toContain('secrets:/secrets:ro')
  })

  it('makes secrets once, with which Foyer accepts its configuration', () => {
    // The shell sees one dollar where compose reads two; owners can be given by root alone
    const script = (service('secrets').command?.[0] ?? '')
      .replaceAll('$$', '$')
      .replaceAll('/secrets', folder)
    const run = () => execFileSync('/bin/sh', ['-euc', `chown() { :; }\n${script}`])
    run()
    const before = readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')])
    run()
    expect(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')])).toEqual(
      before,
    )

    const env = Object.fromEntries(
      Object.entries(service('foyer').environment)
        .filter(([, value]) => value !== null)
        .map(([name, value]) => [
          name,
          String(value)
            .replace(/^\$\{\w+:-(.*)\}$/, '$1')
            .replace('/secrets', folder),
        ]),
    )
    const config = loadConfig(env, '/app')
    expect(config).toMatchObject({
      mode: 'production',
      issuer: 'http://localhost:3000',
      listen: { port: 3000 },
    })
    expect(config.keyEncryptionKey).toHaveLength(32)
    expect(connectionFromUrl(config.databaseUrl ?? '')).toMatchObject({
      host: 'postgres',
      user: 'foyer',
      database: 'foyer',
      ssl: false,
      password: readFileSync(join(folder, 'database-password'), 'utf8'),
    })
  })
})
