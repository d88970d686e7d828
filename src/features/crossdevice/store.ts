// Owns the rows of requests that one device makes and a person decides in a browser elsewhere. Their codes rest in
// features/artifacts, as everything that oidc-provider keeps.
import type { Write } from '../../platform/compose.ts'
import type { Db } from '../../platform/postgres.ts'
import type { Payload } from '../artifacts/kinds.ts'

export type CrossDeviceKind = 'DeviceCode'

export type NewRequest = {
  id: string
  kind: CrossDeviceKind
  idHash: Buffer
  clientId: string
  userCodeHmac: Buffer
  createdAt: Date
  expiresAt: Date
}

/** A request as the session that claimed it sees it. */
export type ClaimedRow = {
  id: string
  kind: CrossDeviceKind
  idHash: Buffer
  createdAt: Date
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
          RETURNING id, kind, id_hash, created_at)
        SELECT held.id, held.kind, held.id_hash AS "idHash", held.created_at AS "createdAt", a.payload
        FROM held JOIN artifacts a ON a.kind = held.kind AND a.id_hash = held.id_hash`,
      values: [claimHash, userCodeHmac, sessionUid, accountId, now],
    })
    return row
  }

  return { claim, hold }
}

export function insertRequest(row: NewRequest): Write {
  return {
    guard: false,
    survivesRefusal: false,
    row: `cross-device ${row.id}`,
    shape: 'cross-device+',
    sql: (bind) => `INSERT INTO cross_device_requests
        (id, kind, id_hash, client_id, user_code_hmac, created_at, expires_at)
      SELECT ${bind(row.id, 'uuid')}, ${bind(row.kind, 'text')}, ${bind(row.idHash, 'bytea')},
        ${bind(row.clientId, 'text')}, ${bind(row.userCodeHmac, 'bytea')},
        ${bind(row.createdAt, 'timestamptz')}, ${bind(row.expiresAt, 'timestamptz')}
      WHERE true`,
  }
}

/** The compare-and-set behind which the answer is written: a request is decided once, and by its holder alone. */
export function decideRequest(id: string, { sessionUid, accountId, now }: Holder & { now: Date }): Write {
  return {
    guard: true,
    survivesRefusal: false,
    row: `cross-device ${id}`,
    shape: 'cross-device!',
    sql: (bind) => `UPDATE cross_device_requests SET decided_at = ${bind(now, 'timestamptz')}
      WHERE id = ${bind(id, 'uuid')} AND session_uid = ${bind(sessionUid, 'text')}
        AND account_id = ${bind(accountId, 'uuid')} AND decided_at IS NULL
        AND expires_at > ${bind(now, 'timestamptz')}`,
  }
}
