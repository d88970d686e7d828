// Owns the measurement whether answer times tell who has an account: `npm run enumeration` knocks at every entry point
// for fresh accounts and for nobody in turn, and prints how well a stranger could tell the two apart. Its samples are
// kept in data/enumeration.jsonl: it goes on where it was stopped. What needs no clock is test/flows/enumeration.test.ts.
import { randomBytes, randomInt } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { createPasswords } from '../src/platform/passwords.ts'
import { type EntryPoint, entryPoints } from '../test/support/entry-points.ts'
import { createTestDatabase, type TestDatabase } from '../test/support/postgres.ts'
import { type Product, startProduct } from '../test/support/process.ts'

type Arm = 'known' | 'unknown'
type Sample = { entry: string; arm: Arm; ms: number }

const { values: asked } = parseArgs({
  options: {
    samples: { type: 'string', default: '2000' },
    file: { type: 'string', default: join(import.meta.dirname, '..', 'data', 'enumeration.jsonl') },
    entry: { type: 'string', multiple: true },
  },
})
const wanted = Number(asked.samples)
const chosen = entryPoints.filter(({ name }) => asked.entry === undefined || asked.entry.includes(name))
/** Thrown away: connections open, statements are prepared and code is compiled meanwhile. */
const warmUp = 30

function readSamples(): Sample[] {
  if (!existsSync(asked.file)) return []
  const lines = readFileSync(asked.file, 'utf8').split('\n').filter(Boolean)
  return lines.map((line) => JSON.parse(line))
}

const timesOf = (samples: readonly Sample[], entry: string, arm: Arm): number[] =>
  samples.filter((sample) => sample.entry === entry && sample.arm === arm).map(({ ms }) => ms)

/** Mann and Whitney: how often the one is slower than the other, a tie counting half. 0.5 tells nothing. */
function areaUnderCurve(left: readonly number[], right: readonly number[]): number {
  const all = [...left.map((ms) => ({ ms, isLeft: true })), ...right.map((ms) => ({ ms, isLeft: false }))]
  all.sort((one, other) => one.ms - other.ms)
  let rankSum = 0
  for (let at = 0; at < all.length; ) {
    let end = at
    while (end < all.length && all[end]?.ms === all[at]?.ms) end += 1
    const rank = (at + 1 + end) / 2
    rankSum += rank * all.slice(at, end).filter(({ isLeft }) => isLeft).length
    at = end
  }
  return (rankSum - (left.length * (left.length + 1)) / 2) / (left.length * right.length)
}

function quantile(times: readonly number[], share: number): number {
  const sorted = [...times].sort((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
}

function report(samples: readonly Sample[]): boolean {
  const rows = chosen.map(({ name }) => {
    const [known, unknown] = [timesOf(samples, name, 'known'), timesOf(samples, name, 'unknown')]
    const auc = areaUnderCurve(known, unknown)
    const medians = [quantile(known, 0.5), quantile(unknown, 0.5)] as const
    const tails = [quantile(known, 0.95), quantile(unknown, 0.95)] as const
    return {
      'entry point': name,
      samples: `${known.length} + ${unknown.length}`,
      AUC: auc.toFixed(3),
      'median ms': medians.map((ms) => ms.toFixed(2)).join(' / '),
      'p95 ms': tails.map((ms) => ms.toFixed(2)).join(' / '),
      holds: auc >= 0.45 && auc <= 0.55 ? 'yes' : 'NO',
    }
  })
  console.table(rows)
  return rows.every(({ holds }) => holds === 'yes')
}

let turn = randomInt(2 ** 24)
const address = () => `10.${(turn >> 16) & 255}.${(turn >> 8) & 255}.${turn & 255}`

const newEmail = (): string => `person-${randomBytes(6).toString('hex')}@example.test`

/** Each sample has a person, or a name that nobody has, and an address of its own: limits are met by nobody. */
async function sample(
  product: Product,
  database: TestDatabase,
  entry: EntryPoint,
  arm: Arm,
): Promise<number> {
  turn = (turn + 1) % 2 ** 24
  const [email, other] = [newEmail(), newEmail()]
  // Somebody is made in any case, so that both arms come upon the same database
  await database.db.prisma.account.create({ data: await accountOf(arm === 'known' ? email : other) })
  const knock = await entry.arrive(product.issuer, email, address())
  const startedAt = performance.now()
  const response = await knock()
  await response.arrayBuffer()
  const ms = performance.now() - startedAt
  if (response.status >= 500 || response.status === 429) throw new Error(`${entry.name}: ${response.status}`)
  return ms
}

let hashOfNobody: Promise<string> | undefined
async function accountOf(email: string) {
  hashOfNobody ??= createPasswords().hash(randomBytes(16).toString('hex'))
  const now = new Date()
  const id = `${randomBytes(4).toString('hex')}-${randomBytes(2).toString('hex')}-7000-8000-${randomBytes(6).toString('hex')}`
  const times = { emailVerifiedAt: now, createdAt: now, updatedAt: now }
  return { id, email, emailCanonical: email, passwordHash: await hashOfNobody, ...times }
}

async function measure(product: Product, database: TestDatabase): Promise<void> {
  const kept = readSamples()
  for (const entry of chosen) {
    for (let count = 0; count < warmUp; count += 1) {
      await sample(product, database, entry, count % 2 === 0 ? 'known' : 'unknown')
    }
  }
  const counts = chosen.map(({ name }) => Math.min(...arms.map((arm) => timesOf(kept, name, arm).length)))
  for (let round = Math.min(...counts); round < wanted; round += 1) {
    for (const [at, entry] of chosen.entries()) {
      if ((counts[at] ?? 0) > round) continue
      const order = randomInt(2) === 0 ? arms : arms.toReversed()
      const taken: Sample[] = []
      for (const arm of order) {
        taken.push({ entry: entry.name, arm, ms: await sample(product, database, entry, arm) })
      }
      appendFileSync(asked.file, taken.map((each) => `${JSON.stringify(each)}\n`).join(''))
    }
    if ((round + 1) % 100 === 0) console.error(`${round + 1} of ${wanted}`)
  }
}

const arms = ['known', 'unknown'] as const satisfies Arm[]

mkdirSync(dirname(asked.file), { recursive: true })
const database = await createTestDatabase()
const env = { FOYER_REGISTRATION: 'verified', FOYER_TRUSTED_PROXY_HOPS: '1', FOYER_WORKER: 'none' }
const product = await startProduct({ databaseUrl: database.url, env })
try {
  await measure(product, database)
} finally {
  await product.stop()
  await database.drop()
}
process.exitCode = report(readSamples()) ? 0 : 1
