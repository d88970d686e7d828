// Owns reading and ending the sessions and grants of one person. How oidc-provider writes them is artifacts.
import type { Db, Tx } from '../../platform/postgres.ts'

export type SessionRow = {
  uid: string
  device_name: string | null
  address: string | null
  created_at: Date
  last_seen_at: Date
}

export type OwnedSessionRow = SessionRow & { account_id: string }
export type SessionPage = { after?: string; limit: number; accountId?: string; now: Date }

export type GrantRow = {
  client_id: string
  created_at: Date
  /** Of the session, seen last, in which the person is signed in to this client. */
  last_seen_at: Date | null
  payload: { openid?: { scope?: string }; resources?: Record<string, string> }
}

export type SessionStore = ReturnType<typeof createSessionStore>

/** More than one person has, and a bound for a page. */
const mostRows = 200

export function createSessionStore(db: Pick<Db, 'query'>) {
  /** Nothing when there is no such account. */
  async function list(accountId: string, now: Date): Promise<SessionRow[] | undefined> {
    const rows = await db.query<SessionRow | { uid: null }>({
      name: 'sessions_of_account',
      text: `SELECT s.uid, s.device_name, s.address, s.created_at, s.last_seen_at
        FROM accounts a LEFT JOIN sessions s ON s.account_id = a.id AND s.expires_at > $2::timestamptz
        WHERE a.id = $1::uuid
        ORDER BY s.last_seen_at DESC, s.uid LIMIT ${mostRows}`,
      values: [accountId, now],
    })
    return rows.length === 0 ? undefined : rows.filter((row) => row.uid !== null)
  }

  /** A page of everybody's, or of one account's, in the order of their ids. */
  const page = ({ after, limit, accountId, now }: SessionPage): Promise<OwnedSessionRow[]> =>
    db.query<OwnedSessionRow>({
      name: accountId === undefined ? 'sessions_page' : 'sessions_page_of_account',
      text: `SELECT uid, account_id, device_name, address, created_at, last_seen_at FROM sessions
        WHERE uid > $1 AND expires_at > $2::timestamptz AND account_id IS NOT NULL
          ${accountId === undefined ? '' : 'AND account_id = $4::uuid'}
        ORDER BY uid LIMIT $3::int`,
      values: [after ?? '', now, limit, ...(accountId === undefined ? [] : [accountId])],
    })

  async function ownerOf(uid: string): Promise<string | null> {
    const [row] = await db.query<{ account_id: string | null }>({
      name: 'session_owner',
      text: 'SELECT account_id FROM sessions WHERE uid = $1',
      values: [uid],
    })
    return row?.account_id ?? null
  }

  const listGrants = (accountId: string, now: Date): Promise<GrantRow[]> =>
    db.query<GrantRow>({
      name: 'grants_of_account',
      text: `SELECT g.client_id, g.created_at, g.payload,
          (SELECT max(s.last_seen_at) FROM sessions s
            WHERE s.account_id = g.account_id AND s.authorizations ? g.client_id) AS last_seen_at
        FROM grants g WHERE g.account_id = $1::uuid AND g.expires_at > $2::timestamptz
        ORDER BY g.created_at, g.id LIMIT ${mostRows}`,
      values: [accountId, now],
    })

  /** Ends sessions of the account with every grant that hangs on them, and with those their tokens. */
  async function end(
    tx: Tx,
    accountId: string,
    which: { only: string } | { except: string },
  ): Promise<string[]> {
    const [only, except] = 'only' in which ? [which.only, null] : [null, which.except]
    const rows = await tx.$queryRaw<{ uid: string }[]>`
      WITH ended AS (DELETE FROM sessions
        WHERE account_id = ${accountId}::uuid AND (uid = ${only}::text OR uid <> ${except}::text)
        RETURNING uid, authorizations),
      revoked AS (DELETE FROM grants WHERE account_id = ${accountId}::uuid AND id IN
        (SELECT entry.value->>'grantId' FROM ended, jsonb_each(ended.authorizations) AS entry))
      SELECT uid FROM ended`
    return rows.map(({ uid }) => uid)
  }

  /**
   * Ends everything of the account but one session and what hangs on it: grants of sessions long gone as well, and
   * sign-ins that hold a proof which nobody has redeemed yet.
   */
  async function endAllBut(tx: Tx, accountId: string, keepUid: string): Promise<string[]> {
    await tx.interaction.deleteMany({ where: { accountId } })
    const rows = await tx.$queryRaw<{ uid: string }[]>`
      WITH ended AS (DELETE FROM sessions WHERE account_id = ${accountId}::uuid AND uid <> ${keepUid}::text
        RETURNING uid),
      revoked AS (DELETE FROM grants WHERE account_id = ${accountId}::uuid AND id NOT IN
        (SELECT entry.value->>'grantId' FROM sessions s, jsonb_each(s.authorizations) AS entry
          WHERE s.account_id = ${accountId}::uuid AND s.uid = ${keepUid}::text
            AND entry.value->>'grantId' IS NOT NULL))
      SELECT uid FROM ended`
    return rows.map(({ uid }) => uid)
  }

  /** Ends all that the person let one client have. Gives how many grants that were. */
  async function endGrants(tx: Tx, accountId: string, clientId: string): Promise<number> {
    return (await tx.grant.deleteMany({ where: { accountId, clientId } })).count
  }

  return { list, page, ownerOf, listGrants, end, endAllBut, endGrants }
}
