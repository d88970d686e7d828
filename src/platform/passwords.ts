// Owns password hashes: argon2id in PHC strings, computed off the event loop behind a bounded queue.
// What a password must look like is features/accounts; how often one may guess is platform/limiter.
import { availableParallelism } from 'node:os'
import { limits } from '../config/limits.ts'
import { invalidInput, unavailable } from '../kernel/errors.ts'
import { randomKey } from '../kernel/secrets.ts'
import { seconds, stopwatch } from '../kernel/time.ts'
import { type ForeignHash, readForeignHash } from './foreign-hashes.ts'
import { openHashThreads } from './hash-threads.ts'

/** OWASP's argon2id parameters: 19 MiB, two passes, one lane. */
const current = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const
const saltBytes = 16
const hashBytes = 32

const queueLength = 64
const longestWaitMs = seconds(2)
const slowWaitMs = 500

/** A stored hash may not ask for more than this, whoever brought it along. */
const bounds = { memoryCost: 1024 * 1024, timeCost: 16, parallelism: 16 } as const

type ObserveHash = (seconds: number) => void

export type Engine = {
  /** How many hashes more than there are permits it keeps at hand, none of them computed before its turn. */
  ahead?: number
  hash(password: Buffer): Promise<string>
  verify(phc: string, password: Buffer): Promise<boolean>
}

/** How a wait at the gate ended. */
export type GateEvent = { waitedMs: number; waiting: number; outcome: 'admitted' | 'refused'; slow: boolean }

export type PasswordsDeps = {
  /** Hashes computed at once; each holds 19 MiB and a core. */
  permits?: number
  observe?: (event: GateEvent) => void
  /** Told how long each hash took, waiting not included. */
  observeHash?: ObserveHash
  /** The engine for argon2id; where it cannot be loaded the `argon2` package stands in. */
  loadEngine?: () => Promise<Engine>
}

export type Verified = { ok: boolean; rehash: boolean }
export type Passwords = ReturnType<typeof createPasswords>

export function createPasswords(deps: PasswordsDeps = {}) {
  const { permits = Math.max(1, availableParallelism() - 1), observe, observeHash = () => undefined } = deps
  const { loadEngine = () => loadThreads(permits, observeHash) } = deps
  const gate = createGate({ permits, observe })
  const decoy = makeDecoy()
  let engine: Promise<Engine> | undefined

  function argon2id(): Promise<Engine> {
    engine ??= loadEngine()
      .catch(() => loadReference(observeHash))
      .then((loaded) => {
        gate.widen(loaded.ahead ?? 0)
        return loaded
      })
    return engine
  }

  async function hash(password: string): Promise<string> {
    const bytes = bytesOf(password)
    if (!bytes) throw invalidInput([passwordUnusable])
    return gate.run(async () => (await argon2id()).hash(bytes))
  }

  /**
   * Nobody's password, a malformed hash and an unusable candidate cost the work of one real comparison,
   * so that strangers learn nothing from the time it took.
   */
  async function verify(storedHash: string | null, candidate: string): Promise<Verified> {
    const bytes = bytesOf(candidate)
    const phc = storedHash === null || !bytes ? undefined : parsePhc(storedHash)
    const foreign = storedHash === null || !bytes || phc ? undefined : readForeignHash(storedHash)
    if (foreign && bytes) return verifyForeign(foreign, bytes)
    const matches = await gate.run(() => compare(phc ?? decoy, bytes ?? Buffer.alloc(1)))
    const ok = matches && phc !== undefined
    return { ok, rehash: ok && isOutdated(phc) }
  }

  /**
   * The decoy besides, unless it matches, since then the password is hashed anew: neither how cheap the hash of
   * another system was nor whether it matched can be told from the time.
   */
  async function verifyForeign(foreign: ForeignHash, bytes: Buffer): Promise<Verified> {
    const ok = await gate.run(async () => {
      const matches = await timed(() => foreign.matches(bytes), observeHash)
      if (!matches) await compare(decoy, bytes)
      return matches
    })
    return { ok, rehash: ok }
  }

  async function compare(phc: Phc, bytes: Buffer): Promise<boolean> {
    const by = phc.variant === 'argon2id' ? await argon2id() : await loadReference(observeHash)
    try {
      return await by.verify(phc.text, bytes)
    } catch {
      // Looked well-formed and was not: the row is broken, and nobody signs in with it.
      await (await argon2id()).verify(decoy.text, bytes)
      return false
    }
  }

  return { hash, verify, waiting: gate.waiting, assertRoom: gate.assertRoom }
}

/** Whether a hash that somebody brings along is one that a sign-in can compare. */
export const isKnownHash = (text: string): boolean =>
  parsePhc(text) !== undefined || readForeignHash(text) !== undefined

const passwordUnusable = {
  pointer: '/password',
  code: 'password_too_long',
  detail: `Use a password of at most ${limits.passwordMaxLength} characters.`,
}

/**
 * The bytes that are hashed, or undefined when there are none that stand for this text alone.
 * NFC only here: what a person types on another keyboard must still match (NIST SP 800-63B-4 §3.1.1.2).
 */
function bytesOf(password: string): Buffer | undefined {
  // Measured before normalising, so that a huge text costs nothing.
  if (password.length > 4 * limits.passwordMaxLength || !password.isWellFormed()) return undefined
  const normal = password.normalize('NFC')
  if (normal === '' || [...normal].length > limits.passwordMaxLength) return undefined
  return Buffer.from(normal)
}

type Phc = {
  text: string
  variant: 'argon2id' | 'argon2i' | 'argon2d'
  version: number
  memoryCost: number
  timeCost: number
  parallelism: number
  hashLength: number
}

const phcShape =
  /^\$(argon2id|argon2i|argon2d)(?:\$v=(16|19))?\$((?:[mtp]=\d{1,10},){2}[mtp]=\d{1,10})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{16,172})$/

function parsePhc(text: string): Phc | undefined {
  const found = phcShape.exec(text)
  if (!found) return undefined
  const [, variant, version, costs = '', salt = '', hash = ''] = found
  if (!isCanonicalBase64(salt) || !isCanonicalBase64(hash)) return undefined
  if (variant !== 'argon2id' && variant !== 'argon2i' && variant !== 'argon2d') return undefined

  // The reference implementation writes m, p, t; most others m, t, p.
  const cost = new Map(costs.split(',').map((part) => [part[0], Number(part.slice(2))]))
  const phc: Phc = {
    text,
    variant,
    version: Number(version ?? 16),
    memoryCost: cost.get('m') ?? 0,
    timeCost: cost.get('t') ?? 0,
    parallelism: cost.get('p') ?? 0,
    hashLength: Buffer.from(hash, 'base64').length,
  }
  // RFC 9106 §3.1: at least one pass, one lane and 8 KiB for each lane.
  const tooSmall = phc.timeCost < 1 || phc.parallelism < 1 || phc.memoryCost < 8 * phc.parallelism
  const tooGreedy =
    phc.memoryCost > bounds.memoryCost ||
    phc.timeCost > bounds.timeCost ||
    phc.parallelism > bounds.parallelism
  return tooSmall || tooGreedy ? undefined : phc
}

/** With spare bits set, or a character over, no engine reads it. */
const isCanonicalBase64 = (text: string): boolean =>
  Buffer.from(text, 'base64').toString('base64').replace(/=+$/, '') === text

function isOutdated(phc: Phc): boolean {
  return (
    phc.variant !== 'argon2id' ||
    phc.version !== 19 ||
    phc.memoryCost !== current.memoryCost ||
    phc.timeCost !== current.timeCost ||
    phc.parallelism !== current.parallelism ||
    phc.hashLength !== hashBytes
  )
}

/** A hash that no password has: its digest is chance. */
function makeDecoy(): Phc {
  const base64 = (bytes: number) => randomKey(bytes).toString('base64').replace(/=+$/, '')
  const { memoryCost, timeCost, parallelism } = current
  const text = `$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$${base64(saltBytes)}$${base64(hashBytes)}`
  return { text, variant: 'argon2id', version: 19, ...current, hashLength: hashBytes }
}

const options = { ...current, outputLen: hashBytes }

const loadThreads = (count: number, observeHash: ObserveHash): Promise<Engine> =>
  openHashThreads({ count, options, observeHash })

/** The reference implementation: slower, knows argon2i and argon2d, has binaries of its own. */
async function loadReference(observeHash: ObserveHash): Promise<Engine> {
  const { argon2id, hash, verify } = await import('argon2')
  return {
    hash: (password) =>
      timed(() => hash(password, { ...current, type: argon2id, hashLength: hashBytes }), observeHash),
    verify: (phc, password) => timed(() => verify(phc, password), observeHash),
  }
}

async function timed<T>(work: () => Promise<T>, observeHash: ObserveHash): Promise<T> {
  const elapsed = stopwatch()
  try {
    return await work()
  } finally {
    observeHash(elapsed())
  }
}

type Gate = {
  run<T>(work: () => Promise<T>): Promise<T>
  /** Lets so many more in at once. */
  widen(by: number): void
  /** Refuses what would be refused, before anything else is done for it. */
  assertRoom(): void
  waiting(): number
}

/** So many at once, a short queue in order of arrival, and an answer at once when that is full. */
function createGate({ permits, observe }: { permits: number; observe: PasswordsDeps['observe'] }): Gate {
  const queue: Array<() => void> = []
  let free = permits

  function report(waitedMs: number, outcome: GateEvent['outcome']) {
    observe?.({ waitedMs, waiting: queue.length, outcome, slow: waitedMs > slowWaitMs })
  }

  function assertRoom(): void {
    if (free > 0 || queue.length < queueLength) return
    report(0, 'refused')
    throw unavailable('busy')
  }

  async function enter(): Promise<void> {
    if (free > 0) {
      free -= 1
      return
    }
    assertRoom()
    return new Promise((resolve, reject) => {
      const elapsed = stopwatch()
      const admit = () => {
        clearTimeout(timer)
        report(elapsed() * 1000, 'admitted')
        resolve()
      }
      const timer = setTimeout(() => {
        queue.splice(queue.indexOf(admit), 1)
        report(elapsed() * 1000, 'refused')
        reject(unavailable('busy'))
      }, longestWaitMs)
      queue.push(admit)
    })
  }

  function leave() {
    const next = queue.shift()
    if (next) next()
    else free += 1
  }

  async function run<T>(work: () => Promise<T>): Promise<T> {
    await enter()
    try {
      return await work()
    } finally {
      leave()
    }
  }

  function widen(by: number): void {
    for (let place = 0; place < by; place += 1) leave()
  }

  return { run, widen, assertRoom, waiting: () => queue.length }
}
