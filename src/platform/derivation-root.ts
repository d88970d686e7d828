// Owns the secret from which keys for one purpose are derived: cookies, codes, cursors. It is drawn at the first start
// and rests sealed in the row of the installation, so that another key-encryption key makes nothing void.
import { randomKey } from '../kernel/secrets.ts'
import type { Db } from './postgres.ts'
import { createSealer, type Sealer, type SealingKeys } from './sealer.ts'

const place = 'instance.1.derivation_root'
const rootBytes = 32

type Row = { root: Buffer | null }

async function find(db: Pick<Db, 'query'>): Promise<Buffer | null> {
  const text = 'SELECT derivation_root AS root FROM instance WHERE id = 1'
  const [row] = await db.query<Row>({ name: 'instance_root', text, values: [] })
  return row?.root ?? null
}

/** Of processes that start together the first one's is taken by all. */
async function make(db: Pick<Db, 'query'>, sealer: Sealer): Promise<Buffer> {
  const text = `UPDATE instance SET derivation_root = coalesce(derivation_root, $1) WHERE id = 1
    RETURNING derivation_root AS root`
  const [row] = await db.query<Row>({ text, values: [sealer.seal(randomKey(rootBytes), place)] })
  if (!row?.root) throw new Error('The table instance has no row: run `foyer migrate`.')
  return row.root
}

/** Throws a sentence when neither key is the one that sealed this database. */
export async function createRootedSealer(keys: SealingKeys, db: Pick<Db, 'query'>): Promise<Sealer> {
  const sealer = createSealer(keys)
  const sealed = (await find(db)) ?? (await make(db, sealer))
  return createSealer({ ...keys, root: sealer.open(sealed, place) })
}
