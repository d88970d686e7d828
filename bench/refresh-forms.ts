// Owns the forms in which a refresh reaches PostgreSQL: an ordinary adapter's, one statement for each of its calls,
// and Foyer's, whose texts are those of the product. Each form writes the same rows.
import { randomBytes } from 'node:crypto'
import { insertArtifact } from '../src/features/artifacts/new-artifacts.ts'
import { createFindTokens } from '../src/features/artifacts/reads.ts'
import { insertRefreshToken, spendRefreshToken } from '../src/features/artifacts/writes.ts'
import { after, days, minutes } from '../src/kernel/time.ts'
import { compose } from '../src/platform/compose.ts'
import type { Db } from '../src/platform/postgres.ts'

/** What stays the same in all refreshes of one family. */
export type Family = {
  familyId: string
  grantId: string
  clientId: string
  accountId: string
  refreshPayload: Record<string, unknown>
  accessPayload: Record<string, unknown>
}

type Rotation = {
  family: Family
  parent: Buffer
  child: Buffer
  access: Buffer
  now: Date
  refreshExpiresAt: Date
  accessExpiresAt: Date
}

export const forms = ['threeWrites', 'oneWrite', 'ordinaryRefresh', 'foyerRefresh'] as const
export type Form = (typeof forms)[number]

export const wordsOf: Record<Form, string> = {
  threeWrites: 'three writes',
  oneWrite: 'the same rows in one',
  ordinaryRefresh: 'ordinary adapter with its four reads',
  foyerRefresh: 'Foyer with its one read',
}

export function rotationOf(family: Family, parent: Buffer): Rotation {
  const now = new Date()
  return {
    family,
    parent,
    child: randomBytes(32),
    access: randomBytes(32),
    now,
    refreshExpiresAt: after(now, days(30)),
    accessExpiresAt: after(now, minutes(15)),
  }
}

export function createForms(db: Db): Record<Form, (rotation: Rotation) => Promise<void>> {
  const findTokens = createFindTokens(db)

  async function readAsFoyer({ parent, now }: Rotation): Promise<void> {
    const [found] = await findTokens({ hash: parent, kinds: ['RefreshToken'], now })
    if (!found?.grant || !found.account) throw new Error('the token was not found, or without its company')
  }

  return {
    threeWrites: (rotation) => writeApart(db, rotation),
    oneWrite: (rotation) => writeAsFoyer(db, rotation),
    async ordinaryRefresh(rotation) {
      await readApart(db, rotation)
      await writeApart(db, rotation)
    },
    async foyerRefresh(rotation) {
      await readAsFoyer(rotation)
      await writeAsFoyer(db, rotation)
    },
  }
}

async function writeAsFoyer(db: Db, rotation: Rotation): Promise<void> {
  const { family, parent, child, access, now, refreshExpiresAt, accessExpiresAt } = rotation
  const statement = compose([
    spendRefreshToken(parent, child, now),
    insertRefreshToken({
      hash: child,
      familyId: family.familyId,
      generation: 1,
      payload: family.refreshPayload,
      issuedAt: now,
      expiresAt: refreshExpiresAt,
    }),
    insertArtifact('AccessToken', access, { payload: family.accessPayload, expiresAt: accessExpiresAt }),
  ])
  const [row] = await db.query<{ ok: boolean }>(statement)
  if (!row?.ok) throw new Error('the token was spent already')
}

/** Each statement a transaction of its own. */
async function writeApart(db: Db, rotation: Rotation): Promise<void> {
  const { family, parent, child, access, now, refreshExpiresAt, accessExpiresAt } = rotation
  const { familyId, grantId, clientId, accountId } = family
  await db.query({
    name: 'bench_consume',
    text: 'UPDATE refresh_tokens SET consumed_at = $2, replaced_by = $3 WHERE id_hash = $1',
    values: [parent, now, child],
  })
  await db.query({
    name: 'bench_refresh_token',
    text: `INSERT INTO refresh_tokens
        (id_hash, family_id, generation, grant_id, client_id, account_id, payload, issued_at, expires_at)
      VALUES ($1, $2, 1, $3, $4, $5, $6, $7, $8)`,
    values: [
      child,
      familyId,
      grantId,
      clientId,
      accountId,
      JSON.stringify(family.refreshPayload),
      now,
      refreshExpiresAt,
    ],
  })
  await db.query({
    name: 'bench_access_token',
    text: `INSERT INTO artifacts (kind, id_hash, grant_id, client_id, payload, expires_at)
      VALUES ('AccessToken', $1, $2, $3, $4, $5)`,
    values: [access, grantId, clientId, JSON.stringify(family.accessPayload), accessExpiresAt],
  })
}

/** What the library asks its adapter for, and the account: each by its key. */
async function readApart(db: Db, { family, parent }: Rotation): Promise<void> {
  const byKey = async (table: string, column: string, key: unknown) => {
    const text = `SELECT * FROM ${table} WHERE ${column} = $1`
    const rows = await db.query({ name: `bench_${table}`, text, values: [key] })
    if (rows.length !== 1) throw new Error(`${rows.length} rows of ${table}`)
  }
  await byKey('clients', 'id', family.clientId)
  await byKey('refresh_tokens', 'id_hash', parent)
  await byKey('grants', 'id', family.grantId)
  await byKey('accounts', 'id', family.accountId)
}
