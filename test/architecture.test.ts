// Holds the house to its rules (CONTRIBUTING.md, "The rules"): each on the sources, and each on samples that keep
// and break it, so that no rule is one that cannot fail. What a rule looks at is support/house-rules.ts.
import { describe, expect, it } from 'vitest'
import {
  type Check,
  chanceComesFromSecrets,
  driversStayBelow,
  environmentIsReadOnce,
  escapesEverything,
  exportsByName,
  fetchHasOneHome,
  flowsDownwards,
  functionsAreShort,
  givesReasons,
  goesInACircle,
  hasALayer,
  hasARank,
  hasATellingName,
  importingDoesNothing,
  importsOnlyToTheLeft,
  longerThan,
  mostFunctionsAreShorter,
  namesWhatExists,
  nothingElseCallsOut,
  oidcProviderHasOneHome,
  onlyDoorsKnowTheWeb,
  opensWithAComment,
  respectsRanks,
  sqlStaysInStores,
  takesFewParameters,
  timeComesFromTheClock,
} from './support/house-rules.ts'
import { listFiles, parseSource, readText, type SourceFile } from './support/source-tree.ts'

/** Files by their paths, with what stands in them. */
type Sample = Record<string, string>
type Rule = { check: Check; files?: SourceFile[]; broken: Sample[]; kept: Sample[] }

const read = (paths: string[]): SourceFile[] => paths.map((path) => parseSource(path, readText(path)))
const product = read([...listFiles('src', '.ts'), 'prisma/seed.ts'])
const tests = read(listFiles('test', '.ts'))
const tools = read([
  ...listFiles('scripts', '.ts', '.mjs'),
  ...listFiles('bench', '.ts'),
  ...listFiles('examples', '.ts', '.js'),
])
const support = tests.filter(({ path }) => path.startsWith('test/support/'))

const lines = (count: number): string => 'x\n'.repeat(count)
const functionOf = (count: number): string => `// A sample\nexport function f() {\n${lines(count - 2)}}\n`
const service = 'src/features/teams/service.ts'
const store = 'src/features/teams/store.ts'

const rules: Record<string, Rule> = {
  'every file belongs to a layer': {
    check: hasALayer,
    broken: [{ 'src/misc/x.ts': '' }, { 'lib/x.ts': '' }],
    kept: [{ 'src/kernel/time.ts': '' }, { 'src/cli/main.ts': '' }, { 'src/app.ts': '' }],
  },
  'kernel ← config ← platform ← web ← features ← oidc ← api, console, dev ← app ← main, worker, cli': {
    check: importsOnlyToTheLeft,
    broken: [
      { 'src/kernel/a.ts': `import type { Config } from '../config/schema.ts'` },
      { 'src/web/a.ts': `import { x } from '../features/teams/service.ts'` },
      { 'src/platform/a.ts': `export type { X } from '../web/x.ts'` },
      { 'src/oidc/a.ts': `type X = import('../dev/mail.ts').X` },
      { 'src/dev/a.ts': `import { x } from '../console/x.ts'` },
      { 'src/app.ts': `import { x } from './worker.ts'` },
      { 'src/worker.ts': `import { x } from './cli/output.ts'` },
      { 'src/features/teams/store.ts': `await import('../../../prisma/seed.ts')` },
    ],
    kept: [
      { 'src/config/a.ts': `import { x } from '../kernel/time.ts'` },
      { 'src/dev/a.ts': `import { x } from './mail.ts'; import y from '../oidc/x.ts'` },
      { 'src/server.ts': `import { x } from '../prisma/seed.ts'; import { y } from './app.ts'` },
      { 'src/cli/main.ts': `import { x } from './program.ts'; import { y } from '../services.ts'` },
    ],
  },
  'imports make no circle': {
    check: goesInACircle,
    broken: [
      {
        'src/web/a.ts': `import './b.ts'`,
        'src/web/b.ts': `import type { C } from './c.ts'`,
        'src/web/c.ts': `import './a.ts'`,
      },
      { 'src/web/a.ts': `export * from './a.ts'` },
    ],
    kept: [
      {
        'src/web/a.ts': `import './b.ts'; import './c.ts'`,
        'src/web/b.ts': `import './c.ts'`,
        'src/web/c.ts': '',
      },
    ],
  },
  'features import only those of a lower rank': {
    check: respectsRanks,
    broken: [
      { [service]: `import { x } from '../mfa/service.ts'` },
      { 'src/features/audit/service.ts': `import type { X } from '../accounts/service.ts'` },
      { 'src/features/clients/store.ts': `import { x } from '../unheard/service.ts'` },
    ],
    kept: [{ [service]: `import { x } from './store.ts'; import type { A } from '../accounts/service.ts'` }],
  },
  'every feature has a rank': {
    check: hasARank,
    broken: [{ 'src/features/unheard/service.ts': '' }],
    kept: [{ [service]: '' }],
  },
  'inside a feature: api, pages → service → store, policy, schema': {
    check: flowsDownwards,
    broken: [
      { [store]: `import type { Teams } from './service.ts'` },
      { [service]: `import { x } from './api.ts'` },
      {
        'src/features/teams/schema.ts': `import './roles.ts'`,
        'src/features/teams/roles.ts': `import './service.ts'`,
      },
      { 'src/features/accounts/password-policy.ts': `import { x } from './service.ts'` },
    ],
    kept: [
      {
        'src/features/teams/api.ts': `import './service.ts'`,
        [service]: `import './store.ts'`,
        [store]: `import './schema.ts'`,
      },
    ],
  },
  'only the api and the pages of a feature know HTTP': {
    check: onlyDoorsKnowTheWeb,
    broken: [
      { [service]: `import type Koa from 'koa'` },
      { [service]: `import { x } from '../../web/input.ts'` },
      { [store]: `import Router from '@koa/router'` },
    ],
    kept: [
      {
        'src/features/teams/api.ts': `import Router from '@koa/router'; import { x } from '../../web/input.ts'`,
      },
    ],
  },
  'Prisma, pg and Redis are imported by platform, stores and artifacts only': {
    check: driversStayBelow,
    broken: [
      { [service]: `import { Prisma } from '../../generated/prisma/client.ts'` },
      { [service]: `import type { Redis } from 'ioredis'` },
      { [store]: `import { Redis } from 'ioredis'` },
      { 'src/web/x.ts': `import pg from 'pg'` },
    ],
    kept: [
      { [store]: `import type { Prisma } from '../../generated/prisma/client.ts'` },
      { 'src/platform/redis.ts': `import { Redis } from 'ioredis'` },
    ],
  },
  'SQL and the Prisma client are used by platform, stores and artifacts only': {
    check: sqlStaysInStores,
    broken: [
      { [service]: 'db.query({ text: `SELECT id FROM teams`, values: [] })' },
      { [service]: 'const rows = await db.prisma.team.findMany()' },
      { [service]: 'const { prisma } = db' },
      { 'src/web/x.ts': 'await tx.session.deleteMany({})' },
      { 'src/app.ts': "const ping = 'SELECT 1'" },
      { 'src/app.ts': 'await tx.$queryRaw`x`' },
    ],
    kept: [
      { [store]: 'const rows = await db.prisma.team.findMany()' },
      { [service]: "await store.insert(tx, { words: 'Select one' })" },
      { 'src/features/artifacts/reads.ts': 'const text = `SELECT 1`' },
    ],
  },
  'oidc-provider is imported by src/oidc only, and by its front door': {
    check: oidcProviderHasOneHome,
    broken: [
      { 'src/web/x.ts': `import type { Provider } from 'oidc-provider'` },
      { 'src/oidc/x.ts': `import x from 'oidc-provider/lib/helpers/weak_cache.js'` },
    ],
    kept: [{ 'src/oidc/x.ts': `import { Provider } from 'oidc-provider'` }],
  },
  'process.env is read by config/load.ts only': {
    check: environmentIsReadOnce,
    broken: [
      { 'src/main.ts': 'const level = process.env.LOG_LEVEL' },
      { 'src/main.ts': 'readConfig({ env: process.env })' },
      { 'src/cli/x.ts': `import { env } from 'node:process'` },
    ],
    kept: [{ 'src/config/load.ts': 'read(process.env)' }, { 'src/main.ts': 'process.exit(1)' }],
  },
  'the time is asked of the Clock': {
    check: timeComesFromTheClock,
    broken: [
      { [service]: 'const now = new Date()' },
      { [service]: 'const now = Date.now()' },
      { [service]: 'const read = Date.now' },
      { 'src/web/x.ts': 'const start = performance.now()' },
    ],
    kept: [
      { [service]: 'const then = new Date(now.getTime() - 5)' },
      { 'src/kernel/time.ts': 'const now = new Date()' },
    ],
  },
  'chance comes from kernel/secrets.ts': {
    check: chanceComesFromSecrets,
    broken: [
      { [service]: `import { randomBytes } from 'node:crypto'` },
      { [service]: `import * as crypto from 'node:crypto'` },
      { [service]: 'const id = crypto.randomUUID()' },
    ],
    kept: [
      { [service]: `import { createHmac } from 'node:crypto'` },
      { 'src/kernel/secrets.ts': 'randomBytes(32)' },
    ],
  },
  'fetch is called by platform/outbound.ts only, and towards loopback by src/dev': {
    check: fetchHasOneHome,
    broken: [{ [service]: 'await fetch(url)' }, { 'src/oidc/x.ts': 'await globalThis.fetch(url, {})' }],
    kept: [
      { 'src/platform/outbound.ts': 'await fetch(url)' },
      { 'src/dev/x.ts': 'await fetch(url)' },
      { [service]: 'await outbound.fetch(url)' },
    ],
  },
  'no other HTTP client is imported elsewhere': {
    check: nothingElseCallsOut,
    broken: [
      { 'src/web/x.ts': `import { request } from 'node:https'` },
      { [service]: `import * as http from 'node:http'` },
      { [service]: `import { Agent } from 'undici'` },
    ],
    kept: [{ 'src/server.ts': `import { createServer } from 'node:http'` }],
  },
  'names tell: no barrel, no drawer for odds and ends': {
    check: hasATellingName,
    broken: [
      { 'src/web/index.ts': 'const x = 1' },
      { 'src/web/team-utils.ts': '' },
      { 'src/shared/x.ts': '' },
      { 'src/features/teams/types.ts': '' },
      { 'src/web/all.ts': `export * from './a.ts'\nexport { b } from './b.ts'` },
    ],
    kept: [{ 'src/web/headers.ts': `export { x } from './y.ts'\nexport const z = 1` }],
  },
  'exports have names': {
    check: exportsByName,
    broken: [{ 'src/web/x.ts': 'export default function x() {}' }],
    kept: [{ 'src/web/x.ts': 'export function x() {}' }],
  },
  'every file opens with a comment': {
    check: opensWithAComment,
    files: [...product, ...tools, ...support],
    broken: [
      { 'src/web/x.ts': 'const x = 1\n// Owns x, and nothing besides' },
      { 'src/web/x.ts': '// x\nconst x = 1' },
    ],
    kept: [
      { 'src/web/x.ts': '// Owns x, and leaves y alone.\nconst x = 1' },
      { 'src/cli/main.ts': '#!/usr/bin/env node\n// Owns the start of it' },
    ],
  },
  'a suppression has a reason, a TODO an issue': {
    check: givesReasons,
    // Written in two halves: these are texts that the rule is tried on, and no search should take them for the thing
    broken: [
      { 'src/web/x.ts': `// ${'TO'}DO later` },
      { 'src/web/x.ts': `// ${'@ts'}-ignore` },
      { 'src/web/x.ts': `// ${'@ts'}-expect-error` },
      { 'src/web/x.ts': `// ${'biome'}-ignore lint/suspicious/noExplicitAny` },
    ],
    kept: [
      { 'src/web/x.ts': `// ${'TO'}DO(#142): drop it` },
      { 'src/web/x.ts': `// ${'@ts'}-expect-error -- types lack it, see ADR 0007` },
      { 'src/web/x.ts': `// ${'biome'}-ignore lint/suspicious/noExplicitAny: the library says so` },
    ],
  },
  'importing a file does nothing': {
    check: importingDoesNothing,
    broken: [
      { 'src/web/x.ts': 'start()' },
      { 'src/web/x.ts': 'if (x) y = 1' },
      { 'src/web/x.ts': 'export let count = 0' },
      { 'src/web/x.ts': 'const x = await y' },
      { 'src/web/x.ts': `import { readFileSync as read } from 'node:fs'\nexport const text = read('x')` },
      {
        'src/web/x.ts': `import fs from 'node:fs'\nconst there = () => look()\nfunction look() { return fs.existsSync('x') }\nexport const x = [there()]`,
      },
    ],
    kept: [
      {
        'src/web/x.ts': `import { readFileSync } from 'node:fs'\nexport const read = () => readFileSync('x')`,
      },
      { 'src/web/x.ts': `const names = new Map()\nexport const schema = z.object({ a: z.string() })` },
      { 'src/main.ts': 'await runServer()' },
    ],
  },
  'a source file has at most 400 lines': {
    check: longerThan(400),
    files: [...product, ...tools],
    broken: [{ 'src/web/x.ts': lines(401) }],
    kept: [{ 'src/web/x.ts': lines(400) }],
  },
  'a test file has at most 600 lines': {
    check: longerThan(600),
    files: tests,
    broken: [{ 'test/fast/x.test.ts': lines(601) }],
    kept: [{ 'test/fast/x.test.ts': lines(600) }],
  },
  'a function has at most 60 lines, those of named functions inside it left out': {
    check: functionsAreShort,
    broken: [
      { 'src/web/x.ts': functionOf(61) },
      { 'src/web/x.ts': `const f = () => [\n${'1,\n'.repeat(60)}]` },
    ],
    kept: [
      { 'src/web/x.ts': functionOf(60) },
      { 'src/web/x.ts': `function outer() {\n${'function inner() {\n\n\n\n}\n'.repeat(20)}}` },
    ],
  },
  '95 % of the functions have at most 40 lines': {
    check: mostFunctionsAreShorter,
    broken: [{ 'src/web/x.ts': functionOf(41) + 'const g = () => 1\n'.repeat(18) }],
    kept: [{ 'src/web/x.ts': functionOf(41) + 'const g = () => 1\n'.repeat(19) }],
  },
  'an exported function takes at most 3 positional parameters': {
    check: takesFewParameters,
    broken: [
      { 'src/web/x.ts': 'export function f(a, b, c, d) {}' },
      { 'src/web/x.ts': 'export const f = (a, b, c, ...d) => 1' },
    ],
    kept: [{ 'src/web/x.ts': 'export const f = (a, b, { c, d, e }) => 1' }],
  },
  'documents name files and tests that exist': {
    check: namesWhatExists,
    files: read([
      'README.md',
      'CONTRIBUTING.md',
      'SECURITY.md',
      'CHANGELOG.md',
      ...listFiles('docs', '.md'),
      ...listFiles('examples', '.md'),
    ]),
    broken: [
      { 'X.md': '`src/nowhere.ts`' },
      { 'docs/x.md': '[another](nowhere.md)' },
      { 'X.md': '`test/fast/email.test.ts`: *has wings*' },
      { 'X.md': '`test/fast/email.test.ts`: _has wings_' },
    ],
    kept: [
      { 'X.md': '`test/fast/email.test.ts`: *parseEmail*, `src/kernel/` and [mine](docs/config.md#x)' },
      { 'docs/x.md': '[up](../README.md) and [out](https://example.com/)' },
    ],
  },
  'views escape everything but includes, the body of the layout and what rich() has escaped': {
    check: escapesEverything,
    files: read(listFiles('views', '.ejs')),
    broken: [
      { 'views/x.ejs': '<p><%- view.name %>' },
      { 'views/x.ejs': '<%- view.bodyText %>' },
      { 'views/x.ejs': '<%- view.richer %>' },
    ],
    kept: [
      { 'views/x.ejs': "<%- include('partials/mark', {}) %><%- view.body %><%= view.name %>" },
      { 'views/x.ejs': "<%- view.rich('logout.signed_in_as', { email: view.email }) %>" },
    ],
  },
}

const parseSample = (sample: Sample): SourceFile[] =>
  Object.entries(sample).map(([path, text]) => parseSource(path, text))

describe('the house', () => {
  it.each(Object.entries(rules))('%s', (_, { check, files = product }) => {
    expect(files).not.toEqual([])
    expect(check(files)).toEqual([])
  })
})

describe('the rule', () => {
  it.each(Object.entries(rules))('“%s” can be broken', (_, { check, broken, kept }) => {
    for (const sample of broken) expect(check(parseSample(sample)), JSON.stringify(sample)).not.toEqual([])
    for (const sample of kept) expect(check(parseSample(sample)), JSON.stringify(sample)).toEqual([])
  })
})
