// Owns the examination of an installation: what must be right before people rely on it. It changes nothing; a schema
// that is behind is told of, not migrated.
import { join } from 'node:path'
import type { Command } from 'commander'
import { isLoopbackHost } from '../config/hosts.ts'
import type { Config } from '../config/schema.ts'
import { type Clock, days, seconds } from '../kernel/time.ts'
import { type Context, Unsuccessful } from './context.ts'
import { wordsOf } from './output.ts'
import type { CliEnvironment, CliServices } from './services.ts'

/** A warning is for the operator to weigh; a failure keeps people out, or lets the wrong ones in. */
type Verdict = 'ok' | 'warning' | 'failed'
export type Finding = { check: string; verdict: Verdict; detail: string }

const ok = (check: string, detail: string): Finding => ({ check, verdict: 'ok', detail })
const warning = (check: string, detail: string): Finding => ({ check, verdict: 'warning', detail })
const failed = (check: string, detail: string): Finding => ({ check, verdict: 'failed', detail })

const oldestPostgres = 15
/** The library tolerates 15 s; beyond a second something is wrong with a clock. */
const clockTolerance = { warnMs: seconds(1), failMs: seconds(15) }

export function addDoctorCommand(program: Command, context: Context): void {
  program
    .command('doctor')
    .description('examine the configuration, the database, mail, Redis, keys and files')
    .action(() => examine(context))
}

async function examine({ environment, output }: Context): Promise<void> {
  const findings = await findingsOf(environment)
  output().rows(findings)
  const failures = findings.filter(({ verdict }) => verdict === 'failed').length
  output().say(
    failures === 0 ? 'Nothing stands in the way.' : `${failures} of ${findings.length} checks failed.`,
  )
  if (failures > 0) throw new Unsuccessful()
}

async function findingsOf(environment: CliEnvironment): Promise<Finding[]> {
  let config: Config
  try {
    config = environment.readConfig()
  } catch (error) {
    return [failed('configuration', wordsOf(error).replaceAll('\n', '; '))]
  }
  const database = await databaseFindings(environment, config)
  const isReady = database.every(({ verdict }) => verdict !== 'failed')
  return [
    ok('configuration', `${config.mode} mode`),
    issuerFinding(config),
    proxyFinding(config),
    secretFinding(config),
    ...fileFindings(environment, config),
    ...database,
    ...(isReady ? [await keyFinding(environment, config)] : []),
    await mailFinding(environment, config),
    await redisFinding(environment, config),
  ]
}

function issuerFinding({ issuer, mode }: Config): Finding {
  if (issuer.startsWith('https:')) return ok('issuer', issuer)
  if (mode === 'development') return ok('issuer', `${issuer}, on this machine`)
  return warning('issuer', `${issuer} is http on loopback: browsers elsewhere cannot use it`)
}

function forwardedFinding({ trustedProxyHops: hops, trustedProxies, listen, mode }: Config): Finding {
  const believed = `the last ${hops} of X-Forwarded-For are believed of`
  if (trustedProxies) return ok('proxy', `${believed} peers at ${trustedProxies.join(', ')}`)
  if (mode === 'development' || listen.hosts.every(isLoopbackHost))
    return ok('proxy', `${believed} whoever connects`)
  return warning(
    'proxy',
    `${believed} whoever reaches the port, and with them the addresses that limits count: name your proxies in FOYER_TRUSTED_PROXIES`,
  )
}

function proxyFinding(config: Config): Finding {
  const { issuer, trustedProxyHops, mode } = config
  if (trustedProxyHops > 0) return forwardedFinding(config)
  // Foyer speaks plain HTTP, so somebody else ends the TLS of an https issuer
  if (!issuer.startsWith('https:') || mode === 'development') return ok('proxy', 'none is believed')
  return warning(
    'proxy',
    'an https issuer has a proxy in front, and FOYER_TRUSTED_PROXY_HOPS is 0: everybody seems to come from it, and shares its limits',
  )
}

function secretFinding({ keyEncryptionKey, dataDir, mode }: Config): Finding {
  if (keyEncryptionKey) return ok('secrets', 'FOYER_KEY_ENCRYPTION_KEY is set')
  const place = `the key-encryption key lies in ${join(dataDir, 'keys')}`
  if (mode === 'development') return ok('secrets', place)
  return warning('secrets', `${place}, beside the database it seals: keep a copy apart from its backups`)
}

function fileFindings({ probes }: CliEnvironment, { dataDir }: Config): Finding[] {
  const paths = [join(dataDir, 'keys'), join(dataDir, 'keys', 'key-encryption-key')]
  const open = paths.filter((path) => ((probes.modeOf(path) ?? 0) & 0o077) !== 0)
  return open.length === 0
    ? [ok('files', 'keys are their owner’s alone')]
    : open.map((path) => failed('files', `${path} is open to others than its owner: take their rights away`))
}

async function databaseFindings({ probes }: CliEnvironment, config: Config): Promise<Finding[]> {
  try {
    const { major, version, clockAheadMs, pendingMigrations } = await probes.database(config)
    const where = config.databaseUrl === undefined ? `embedded in ${config.dataDir}` : 'given by DATABASE_URL'
    const off = Math.abs(clockAheadMs)
    const clock = `the database's clock is ${off} ms ${clockAheadMs < 0 ? 'behind' : 'ahead'}`
    return [
      major >= oldestPostgres
        ? ok('database', `PostgreSQL ${version}, ${where}`)
        : failed('database', `PostgreSQL ${version} is too old: ${oldestPostgres} or newer is needed`),
      pendingMigrations === 0
        ? ok('schema', 'up to date')
        : failed('schema', `${pendingMigrations} migrations wait: run foyer migrate, or start Foyer`),
      off <= clockTolerance.warnMs
        ? ok('clock', clock)
        : (off <= clockTolerance.failMs ? warning : failed)(
            'clock',
            `${clock}: check the time service of both`,
          ),
    ]
  } catch (error) {
    return [failed('database', `does not answer: ${wordsOf(error)}`)]
  }
}

async function keyFinding(environment: CliEnvironment, config: Config): Promise<Finding> {
  try {
    const services = await environment.openServices(config)
    try {
      return keyAge(await services.keys.list(), { config, now: services.clock.now() })
    } finally {
      await services.close()
    }
  } catch (error) {
    return failed('signing keys', wordsOf(error))
  }
}

type Keys = Awaited<ReturnType<CliServices['keys']['list']>>

function keyAge(keys: Keys, { config, now }: { config: Config; now: ReturnType<Clock['now']> }): Finding {
  const active = keys.filter(({ state }) => state === 'active')
  if (active.length === 0) return warning('signing keys', 'none yet: the first start of Foyer makes them')
  const ages = active.map(({ activatedAt }) => now.getTime() - (activatedAt?.getTime() ?? now.getTime()))
  const oldest = Math.floor(Math.max(...ages) / days(1))
  const detail = `${active.length} sign, the oldest for ${oldest} days`
  const isLate = config.keyRotationDays > 0 && oldest > config.keyRotationDays + 1
  return isLate
    ? warning('signing keys', `${detail}: rotation after ${config.keyRotationDays} days does not happen`)
    : ok('signing keys', detail)
}

async function mailFinding({ probes }: CliEnvironment, { smtpUrl, mode }: Config): Promise<Finding> {
  if (smtpUrl === undefined) {
    return mode === 'development'
      ? ok('mail', 'none is sent: it shows at /dev/mail')
      : warning('mail', 'SMTP_URL is not set: no code, link or notice reaches anybody')
  }
  const host = new URL(smtpUrl).host
  try {
    await probes.mail(smtpUrl)
    return ok('mail', `${host} takes mail`)
  } catch (error) {
    return failed('mail', `${host} does not: ${wordsOf(error)}`)
  }
}

async function redisFinding({ probes }: CliEnvironment, { redisUrl }: Config): Promise<Finding> {
  if (redisUrl === undefined) return ok('redis', 'not used')
  const { host, hostname, protocol } = new URL(redisUrl)
  try {
    await probes.redis(redisUrl)
    return protocol === 'rediss:' || isLoopbackHost(hostname)
      ? ok('redis', `${host} answers`)
      : warning('redis', `${host} answers, without TLS`)
  } catch (error) {
    // No decision hangs on it
    return warning('redis', `${host} does not answer: ${wordsOf(error)}`)
  }
}
