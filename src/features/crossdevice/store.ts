// Owns the rows of requests that one device makes and a person decides in a browser elsewhere. Their codes rest in
// features/artifacts, as everything that oidc-provider keeps.
import type { Write } from '../../platform/compose.ts'
import type { Db } from '../../platform/postgres.ts'
import type { Payload } from '../artifacts/kinds.ts'

export type CrossDeviceKind = 'DeviceCode' | 'BackchannelAuthenticationRequest'

export type NewRequest = {
  id: string
  kind: CrossDeviceKind
  idHash: Buffer
  clientId: string
  userCodeHmac?: Buffer
  /** Of the person who is asked; a device asks nobody in particular. */
  accountId?: string
  sealed?: Buffer
  createdAt: Date
  expiresAt: Date
}

/** A request as the session that claimed it sees it. */
export type ClaimedRow = {
  id: string
  kind: CrossDeviceKind
  idHash: Buffer
  createdAt: Date
  expiresAt: Date
  payload: Payload
}

export type Claim = { claimHash: Buffer; userCodeHmac: Buffer }
export type Holder = { sessionUid: string; accountId: string }

export type CrossDeviceStore = ReturnType<typeof createCrossDeviceStore>

export function createCrossDeviceStore(db: Pick<Db, 'query'>) {
  /** One browser has a code; whoever types it there again has the claim anew. */
  async function claim(
    { claimHash, userCodeHmac }: Claim,
    { before, now }: { before: Buffer | null; now: Date },
  ): Promise<boolean> {
    const rows = await db.query<{ id: string }>({
      name: 'cross_device_claim',
      text: `UPDATE cross_device_requests
        SET claim_hash = $2::bytea, session_uid = NULL, account_id = NULL
        WHERE user_code_hmac = $1::bytea AND (claim_hash IS NULL OR claim_hash = $3::bytea)
          AND decided_at IS NULL AND expires_at > $4::timestamptz
        RETURNING id`,
      values: [userCodeHmac, claimHash, before, now],
    })
    return rows.length === 1
  }

  /** The claimed request, for the first session that looks at it and for no other one from then on. */
  async function hold(
    { claimHash, userCodeHmac }: Claim,
    { sessionUid, accountId, now }: Holder & { now: Date },
  ): Promise<ClaimedRow | undefined> {
    const [row] = await db.query<ClaimedRow>({
      name: 'cross_device_hold',
      text: `WITH held AS (
          UPDATE cross_device_requests SET session_uid = $3::text, account_id = $4::uuid
          WHERE claim_hash = $1::bytea AND user_code_hmac = $2::bytea
            AND (session_uid IS NULL OR (session_uid = $3::text AND account_id = $4::uuid))
            AND decided_at IS NULL AND expires_at > $5::timestamptz
          RETURNING *)
        ${withPayload('held')}`,
      values: [claimHash, userCodeHmac, sessionUid, accountId, now],
    })
    return row
  }

  /** One that asks this person, for the session in which they look at it now. */
  async function holdOwn(
    id: string,
    { sessionUid, accountId, now }: Holder & { now: Date },
  ): Promise<ClaimedRow | undefined> {
    const [row] = await db.query<ClaimedRow>({
      name: 'cross_device_hold_own',
      text: `WITH held AS (
          UPDATE cross_device_requests SET session_uid = $2::text
          WHERE id = $1::uuid AND account_id = $3::uuid AND kind = 'BackchannelAuthenticationRequest'
            AND decided_at IS NULL AND expires_at > $4::timestamptz
          RETURNING *)
        ${withPayload('held')}`,
      values: [id, sessionUid, accountId, now],
    })
    return row
  }

  /** What apps ask this person at the moment, the newest first. */
  async function listOwn(accountId: string, now: Date): Promise<ClaimedRow[]> {
    return db.query<ClaimedRow>({
      name: 'cross_device_list_own',
      text: `${withPayload('cross_device_requests', 'held')}
        WHERE held.account_id = $1::uuid AND held.kind = 'BackchannelAuthenticationRequest'
          AND held.decided_at IS NULL AND held.expires_at > $2::timestamptz
        ORDER BY held.created_at DESC LIMIT 20`,
      values: [accountId, now],
    })
  }

  /** Whom the request behind this code asks. */
  async function findAsked(idHash: Buffer) {
    const [row] = await db.query<{ id: string; accountId: string }>({
      name: 'cross_device_find_asked',
      text: `SELECT id, account_id AS "accountId" FROM cross_device_requests
        WHERE kind = 'BackchannelAuthenticationRequest' AND id_hash = $1::bytea`,
      values: [idHash],
    })
    return row
  }

  async function findSealed(id: string) {
    const [row] = await db.query<{ clientId: string; sealed: Buffer }>({
      name: 'cross_device_find_sealed',
      text: `SELECT client_id AS "clientId", sealed FROM cross_device_requests
        WHERE id = $1::uuid AND sealed IS NOT NULL`,
      values: [id],
    })
    return row
  }

  return { claim, hold, holdOwn, listOwn, findAsked, findSealed }
}

const withPayload = (table: string, name = table): string => `
  SELECT ${name}.id, ${name}.kind, ${name}.id_hash AS "idHash", ${name}.created_at AS "createdAt",
    ${name}.expires_at AS "expiresAt", a.payload
  FROM ${table} ${table === name ? '' : name}
  JOIN artifacts a ON a.kind = ${name}.kind AND a.id_hash = ${name}.id_hash`

export function insertRequest(row: NewRequest): Write {
  return {
    guard: false,
    survivesRefusal: false,
    row: `cross-device ${row.id}`,
    shape: 'cross-device+',
    sql: (bind) => `INSERT INTO cross_device_requests
        (id, kind, id_hash, client_id, user_code_hmac, account_id, sealed, created_at, expires_at)
      SELECT ${bind(row.id, 'uuid')}, ${bind(row.kind, 'text')}, ${bind(row.idHash, 'bytea')},
        ${bind(row.clientId, 'text')}, ${bind(row.userCodeHmac ?? null, 'bytea')},
        ${bind(row.accountId ?? null, 'uuid')}, ${bind(row.sealed ?? null, 'bytea')},
        ${bind(row.createdAt, 'timestamptz')}, ${bind(row.expiresAt, 'timestamptz')}
      WHERE true`,
  }
}

/** The compare-and-set behind which the answer is written: a request is decided once, and by its holder alone. */
export function decideRequest(
  id: string,
  { sessionUid, accountId, now }: Holder & { now: Date },
  tell: NonNullable<Write['also']>,
): Write {
  return {
    guard: true,
    survivesRefusal: false,
    row: `cross-device ${id}`,
    shape: 'cross-device!',
    also: tell,
    sql: (bind) => `UPDATE cross_device_requests SET decided_at = ${bind(now, 'timestamptz')}
      WHERE id = ${bind(id, 'uuid')} AND session_uid = ${bind(sessionUid, 'text')}
        AND account_id = ${bind(accountId, 'uuid')} AND decided_at IS NULL
        AND expires_at > ${bind(now, 'timestamptz')}`,
  }
}
