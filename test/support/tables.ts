// Reads the whole database as somebody would who stole it: every table, every column.
import type { Db } from '../../src/platform/postgres.ts'

export type Row = Record<string, unknown>

async function tableNames(db: Pick<Db, 'query'>): Promise<string[]> {
  const rows = await db.query<{ name: string }>({
    text: `SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) AS name
      FROM information_schema.tables
      WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE'
      ORDER BY 1`,
    values: [],
  })
  return rows.map(({ name }) => name)
}

/** How many rows each table has. */
export async function tableCounts(db: Pick<Db, 'query'>): Promise<Record<string, number>> {
  const names = await tableNames(db)
  const text = names.map((name) => `SELECT '${name}' AS name, count(*)::int AS count FROM ${name}`)
  const rows = await db.query<{ name: string; count: number }>({ text: text.join(' UNION ALL '), values: [] })
  return Object.fromEntries(rows.map(({ name, count }) => [name, count]))
}

/** Every row of every table. */
export async function allRows(db: Pick<Db, 'query'>): Promise<Record<string, Row[]>> {
  const tables: Record<string, Row[]> = {}
  for (const name of await tableNames(db)) {
    tables[name] = await db.query<Row>({ text: `SELECT * FROM ${name}`, values: [] })
  }
  return tables
}
