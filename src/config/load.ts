// Owns reading the environment: the only place that sees process.env. Every error is reported at once.
// What settings exist and what they mean is schema.ts; which may stand together is rules.ts.
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { isAbsolute, resolve } from 'node:path'
import { isProduction, type Problem, registrationOf, rules } from './rules.ts'
import { type Config, type Setting, type SettingName, type Settings, settings } from './schema.ts'

/** Everything that keeps Foyer from starting, one line each; never holds a secret's value. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super(problems.map(({ name, text }) => `${name} ${text}`).join('\n'))
    this.name = 'ConfigError'
    this.problems = problems
  }
}

export type Source = 'default' | 'environment' | 'file'
export type SettingRow = { name: string; value: string; source: Source }

type Found = { text: string; source: Source }
type Reading = { found: Map<SettingName, Found>; values: Settings; problems: Problem[]; broken: Set<string> }

const names = Object.keys(settings) as SettingName[]

/**
 * Password hashes, RSA signatures and look-ups share libuv's pool, four threads unless told otherwise; a core's worth
 * of hashes must leave room for signatures. Works only before the pool's first use.
 */
export function sizeThreadPool(): void {
  process.env.UV_THREADPOOL_SIZE ??= String(availableParallelism() + 4)
}

/** The configuration of this process. */
export const readEnvironment = (): Config => loadConfig(process.env, process.cwd())

/** The settings of this process with their values in force. */
export const describeEnvironment = (): SettingRow[] => describeConfig(process.env, process.cwd())

export function loadConfig(env: NodeJS.ProcessEnv, cwd: string): Config {
  const { values, problems, broken } = read(env, cwd)
  for (const rule of rules) {
    if (rule.uses.some((name) => broken.has(name))) continue
    problems.push(...rule.check(values))
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return derive(values, cwd)
}

/** Every setting with its value in force and where that came from, secrets redacted. */
export function describeConfig(env: NodeJS.ProcessEnv, cwd: string): SettingRow[] {
  const config = loadConfig(env, cwd)
  const { found, values } = read(env, cwd)
  const derived: Partial<Record<SettingName, unknown>> = {
    HOST: config.listen.hosts.filter(Boolean).join(', ') || 'every address',
    FOYER_ISSUER: config.issuer,
    FOYER_DATA_DIR: config.dataDir,
    FOYER_MAIL_FROM: config.mailFrom,
    FOYER_PASSWORD_MIN_LENGTH: config.passwordMinLength,
    FOYER_PLAYGROUND_PORT: config.playgroundPort,
    FOYER_REGISTRATION: config.registration,
    FOYER_FIRST_PARTY: config.firstParty.enabled ? 'on' : 'off',
  }
  return names.map((name) => {
    const setting: Setting = settings[name]
    const source = found.get(name)?.source ?? 'default'
    const value = derived[name] ?? values[name] ?? setting.fallback
    return {
      name,
      source,
      value: setting.secret && source !== 'default' ? '(set, not shown)' : String(value),
    }
  })
}

function read(env: NodeJS.ProcessEnv, cwd: string): Reading {
  const problems = unknownNames(env)
  const found = new Map<SettingName, Found>()
  const broken = new Set<string>()
  const parsed: Record<string, unknown> = {}

  for (const name of names) {
    const setting: Setting = settings[name]
    const located = locate(env, name, cwd)
    const result = setting.schema.safeParse('text' in located ? located.text : undefined)
    if ('text' in located && located.source !== 'default') found.set(name, located)
    if ('problem' in located) problems.push({ name, text: located.problem })
    if (!result.success)
      problems.push({ name, text: refusal(setting, located, result.error.issues[0]?.message) })
    if ('problem' in located || !result.success) broken.add(name)
    parsed[name] = result.success ? result.data : setting.schema.safeParse(undefined).data
  }
  return { found, values: parsed as Settings, problems, broken }
}

type Located = Found | { problem: string } | { text: undefined; source: 'default' }

// The empty string counts as not set, as in `VAR= foyer serve` and in compose files.
function locate(env: NodeJS.ProcessEnv, name: SettingName, cwd: string): Located {
  const direct = env[name]
  const path = env[`${name}_FILE`]
  if (direct && path) return { problem: `and ${name}_FILE are both set: keep one of them` }
  if (direct) return { text: direct, source: 'environment' }
  if (!path) return { text: undefined, source: 'default' }

  const file = isAbsolute(path) ? path : resolve(cwd, path)
  try {
    const text = readFileSync(file, 'utf8').replace(/\r?\n$/, '')
    return text ? { text, source: 'file' } : { problem: `is empty in ${file}: write its value there` }
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? cause.code : cause
    return { problem: `cannot be read: ${name}_FILE names ${file} (${reason}); correct the path or its mode` }
  }
}

// A file may be the wrong one, so what stands in it is not repeated either.
function refusal(setting: Setting, located: Located, message = 'is not valid'): string {
  const shown = !setting.secret && 'text' in located && located.source === 'environment'
  return shown ? `${message}, not ${JSON.stringify(located.text.slice(0, 80))}` : message
}

function unknownNames(env: NodeJS.ProcessEnv): Problem[] {
  const known = new Set<string>(names.flatMap((name) => [name, `${name}_FILE`]))
  return Object.keys(env)
    .filter((name) => name.startsWith('FOYER_') && !known.has(name))
    .sort()
    .map((name) => {
      const nearest = [...known]
        .map((other) => [distance(name, other), other] as const)
        .sort(([a], [b]) => a - b)[0]
      const hint =
        nearest && nearest[0] <= 3 ? `did you mean ${nearest[1]}?` : 'docs/config.md lists all names'
      return { name, text: `is not a setting of Foyer: remove it; ${hint}` }
    })
}

// Levenshtein's, row by row.
function distance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (const [i, letter] of [...left].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...right].entries()) {
      const replaced = (row[j] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}

function derive(values: Settings, cwd: string): Config {
  const production = isProduction(values)
  const issuer = values.FOYER_ISSUER ?? `http://localhost:${values.PORT}`
  return {
    mode: production ? 'production' : 'development',
    testHooks: values.FOYER_TEST_HOOKS,
    issuer,
    insecureIssuer: issuer.startsWith('http:'),
    listen: { port: values.PORT, hosts: listenHosts(values.HOST, production) },
    playgroundPort: production ? 0 : values.FOYER_PLAYGROUND_PORT,
    metrics: { port: values.METRICS_PORT, token: values.METRICS_TOKEN },
    trustedProxyHops: values.FOYER_TRUSTED_PROXY_HOPS,
    trustedProxies: values.FOYER_TRUSTED_PROXIES,
    mutualTls: mutualTlsOf(values),
    dataDir: resolve(cwd, values.FOYER_DATA_DIR),
    databaseUrl: values.DATABASE_URL,
    databasePoolSize: values.FOYER_DATABASE_POOL_SIZE,
    redisUrl: values.REDIS_URL,
    smtpUrl: values.SMTP_URL,
    mailFrom: values.FOYER_MAIL_FROM ?? `Foyer <no-reply@${mailHost(issuer)}>`,
    keyEncryptionKey: bytesOf(values.FOYER_KEY_ENCRYPTION_KEY),
    otherKeyEncryptionKey: bytesOf(values.FOYER_KEY_ENCRYPTION_KEY_OLD),
    accessTokenTtlSeconds: values.FOYER_ACCESS_TOKEN_TTL,
    refreshTokenTtlSeconds: values.FOYER_REFRESH_TOKEN_TTL,
    accessTokenAlg: values.FOYER_ACCESS_TOKEN_ALG,
    signingKey: values.FOYER_SIGNING_KEY,
    keyRotationDays: values.FOYER_KEY_ROTATION_DAYS,
    loginLayout: values.FOYER_LOGIN_LAYOUT,
    passwordMinLength: values.FOYER_PASSWORD_MIN_LENGTH ?? (production ? 15 : 8),
    passwordBlocklist: values.FOYER_PASSWORD_BLOCKLIST,
    passwordBreachUrl: values.FOYER_PASSWORD_BREACH_URL,
    auditRetentionDays: values.FOYER_AUDIT_RETENTION_DAYS,
    registration: registrationOf(values),
    clientRegistration: {
      mode: values.FOYER_CLIENT_REGISTRATION ?? (production ? 'closed' : 'open'),
      token: values.FOYER_INITIAL_ACCESS_TOKEN,
    },
    clientDocuments: values.FOYER_CLIENT_DOCUMENTS ?? (production ? 'closed' : 'open'),
    locale: values.FOYER_LOCALE,
    firstParty: {
      enabled: values.FOYER_FIRST_PARTY ?? !production,
      linkUrl: values.FOYER_FIRST_PARTY_LINK_URL,
    },
    worker: values.FOYER_WORKER,
    log: { level: values.LOG_LEVEL, color: values.NO_COLOR === undefined },
  }
}

function mutualTlsOf(values: Settings): Config['mutualTls'] {
  const header = values.FOYER_CLIENT_CERTIFICATE_HEADER
  if (header === undefined) return undefined
  const authorities = values.FOYER_CLIENT_CERTIFICATE_CA ?? []
  return { header, authorities, origin: values.FOYER_MTLS_ORIGIN }
}

const bytesOf = (base64: string | undefined): Buffer | undefined =>
  base64 === undefined ? undefined : Buffer.from(base64, 'base64')

function listenHosts(host: string | undefined, production: boolean): string[] {
  if (host !== undefined) return [host.replace(/^\[(.*)\]$/, '$1')]
  return production ? [''] : ['127.0.0.1', '::1']
}

// Mail addresses hold names, not numbers.
function mailHost(issuer: string): string {
  const host = new URL(issuer).hostname
  return /^\[|^[\d.]+$/.test(host) ? 'localhost' : host
}
