// Owns sealing anew: whatever rests sealed under another key-encryption key is sealed under the one in force, while
// the service runs. A row that changes meanwhile was sealed anew by whoever changed it, or is met again.
import type { Db } from './postgres.ts'
import type { Sealer } from './sealer.ts'

/** A column whose values are sealed as `table.row.column`, or under the name of the column that they stood in before. */
export type SealedColumn = {
  table: string
  column: string
  sealedAs?: string
  key: string
  keyIs?: 'text' | 'bytes'
}

export type Resealed = {
  place: string
  resealed: number
  /** Neither key opens them. */
  left: number
}

/** How a place is read and written: SQL expressions over the rows of `table`. */
type Place = { name: string; table: string; aad: string; value: string; assign: (value: string) => string }

const batch = 200
/** What was written under the former key while the first pass ran, by a process that had not been restarted. */
const passes = 3

const placeOf = ({ table, column, sealedAs = column, key, keyIs = 'text' }: SealedColumn): Place => ({
  name: `${table}.${column}`,
  table,
  aad: `'${table}.' || ${keyIs === 'bytes' ? `encode(${key}, 'hex')` : `${key}::text`} || '.${sealedAs}'`,
  value: column,
  assign: (value) => `${column} = ${value}`,
})

/** Mails that wait. The queue keeps its payloads to itself; this is the one place that looks at them. */
const waitingMails: Place = {
  name: 'jobs.mail',
  table: 'graphile_worker._private_jobs',
  aad: "'jobs.' || (payload->>'id') || '.mail'",
  value: "decode(payload->>'sealed', 'base64')",
  assign: (value) =>
    `payload = jsonb_set(payload::jsonb, '{sealed}', to_jsonb(translate(encode(${value}, 'base64'), E'\\n', '')))::json`,
}

type Row = { at: string; aad: string; sealed: Buffer }

export function createReseal({ db, sealer, columns }: ResealDeps) {
  const { mark } = sealer

  const readBatch = ({ table, aad, value }: Place, after: string): Promise<Row[]> =>
    db.query<Row>({
      text: `SELECT ctid::text AS at, ${aad} AS aad, ${value} AS sealed FROM ${table}
        WHERE ctid > $1::tid AND ${value} IS NOT NULL AND substring(${value} FROM 1 FOR ${mark.length}) <> $2::bytea
        ORDER BY ctid LIMIT ${batch}`,
      values: [after, mark],
    })

  async function writeBatch({ table, value, assign }: Place, rows: readonly Row[]): Promise<number> {
    const anew = rows.flatMap((row) => {
      const opened = openOf(row)
      return opened ? [{ ...row, next: sealer.seal(opened, row.aad) }] : []
    })
    if (anew.length === 0) return 0
    const written = await db.query({
      text: `UPDATE ${table} t SET ${assign('v.next')}
        FROM unnest($1::text[]::tid[], $2::bytea[], $3::bytea[]) AS v(at, before, next)
        WHERE t.ctid = v.at AND ${value} = v.before RETURNING 1`,
      values: [anew.map(({ at }) => at), anew.map(({ sealed }) => sealed), anew.map(({ next }) => next)],
    })
    return written.length
  }

  function openOf({ sealed, aad }: Row): Buffer | undefined {
    try {
      return sealer.open(sealed, aad)
    } catch {
      return undefined
    }
  }

  /** Once through the table. */
  async function pass(place: Place): Promise<{ resealed: number; met: number }> {
    let [resealed, met] = [0, 0]
    for (let rows = await readBatch(place, '(0,0)'); rows.length > 0; ) {
      met += rows.length
      resealed += await writeBatch(place, rows)
      rows = await readBatch(place, rows.at(-1)?.at ?? '')
    }
    return { resealed, met }
  }

  async function resealPlace(place: Place): Promise<Resealed> {
    let [resealed, left] = [0, 0]
    for (let turn = 0; turn < passes; turn += 1) {
      const { resealed: done, met } = await pass(place)
      resealed += done
      left = met - done
      if (done === 0) break
    }
    return { place: place.name, resealed, left }
  }

  return async function reseal(): Promise<Resealed[]> {
    const done: Resealed[] = []
    for (const place of [...columns.map(placeOf), waitingMails]) done.push(await resealPlace(place))
    return done
  }
}

export type ResealDeps = { db: Pick<Db, 'query'>; sealer: Sealer; columns: readonly SealedColumn[] }
