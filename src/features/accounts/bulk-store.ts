// Owns the rows of accounts by the hundred: how an import brings them in and an export takes them out. One statement
// each, however many there are.
import { Prisma } from '../../generated/prisma/client.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { AccountStatus, Profile } from './schema.ts'

/** A whole row, hash included: it never leaves the import and the export. */
export type StoredAccount = {
  id: string
  email: string
  emailCanonical: string
  emailVerifiedAt: Date | null
  username: string | null
  passwordHash: string | null
  vouched: boolean
  profile: Profile
  roles: string[]
  status: AccountStatus
  system: boolean
  locale: string | null
  createdAt: Date
  updatedAt: Date
}

export type AccountKeys = { ids: string[]; emails: string[]; usernames: string[] }
export type AccountName = { id: string; emailCanonical: string; username: string | null }

export type AccountBulkStore = ReturnType<typeof createAccountBulkStore>

export function createAccountBulkStore(db: Pick<Db, 'query'>) {
  /** Everybody who has one of these ids, addresses or user names. */
  const findAny = (tx: Tx, { ids, emails, usernames }: AccountKeys): Promise<StoredAccount[]> =>
    tx.$queryRaw`SELECT ${Prisma.raw(columns)} FROM accounts
      WHERE id = ANY (${ids}::uuid[]) OR email_canonical = ANY (${emails}::text[])
        OR username = ANY (${usernames}::text[])`

  /** The same for those who may join a team; they stay until the transaction ends. */
  const holdAny = (tx: Tx, { ids, emails, usernames }: AccountKeys): Promise<AccountName[]> => tx.$queryRaw`
    SELECT id, email_canonical AS "emailCanonical", username FROM accounts
    WHERE status <> 'deleted' AND (id = ANY (${ids}::uuid[])
      OR email_canonical = ANY (${emails}::text[]) OR username = ANY (${usernames}::text[]))
    ORDER BY id FOR SHARE`

  /** Gives the ids of those that went in; the others met somebody who was quicker. */
  async function insertAll(tx: Tx, accounts: readonly StoredAccount[]): Promise<Set<string>> {
    const rows = await tx.$queryRaw<{ id: string }[]>`
      INSERT INTO accounts (id, email, email_canonical, email_verified_at, username, password_hash, vouched, profile,
        roles, status, system, locale, created_at, updated_at)
      SELECT id, email, "emailCanonical", "emailVerifiedAt", username, "passwordHash", vouched, profile,
        roles, status, system, locale, "createdAt", "updatedAt"
      FROM jsonb_to_recordset(${JSON.stringify(accounts)}::jsonb) AS account (
        id uuid, email text, "emailCanonical" text, "emailVerifiedAt" timestamptz, username text, "passwordHash" text,
        vouched boolean, profile jsonb, roles text[], status text, system boolean, locale text,
        "createdAt" timestamptz, "updatedAt" timestamptz)
      ON CONFLICT DO NOTHING RETURNING id`
    return new Set(rows.map(({ id }) => id))
  }

  /** In the order of their ids, without those who are on their way out. */
  const listAfter = (id: string, take: number): Promise<StoredAccount[]> =>
    db.query({
      name: 'accounts_export',
      text: `SELECT ${columns} FROM accounts
        WHERE id > $1::uuid AND status <> 'deleted' ORDER BY id LIMIT $2::int`,
      values: [id, take],
    })

  return { findAny, holdAny, insertAll, listAfter }
}

const columns = `id, email, email_canonical AS "emailCanonical", email_verified_at AS "emailVerifiedAt", username,
  password_hash AS "passwordHash", vouched, profile, roles, status, system, locale,
  created_at AS "createdAt", updated_at AS "updatedAt"`
