// Owns how signing keys rest and are found: public part in plain, private part sealed. What changes them is
// key-changes.ts; when, is decided in oidc/key-policy.ts.
import type { Db } from '../../platform/postgres.ts'
import type { Sealer } from '../../platform/sealer.ts'

export type SigningAlg = 'RS256' | 'PS256' | 'ES256' | 'EdDSA'
export type KeyState = 'next' | 'active' | 'retained'

/** A key before it has a place among the others. */
export type KeyPair = {
  kid: string
  alg: SigningAlg
  publicJwk: Record<string, unknown>
  /** PKCS#8 in DER. */
  privateKey: Buffer
}

export type SigningKey = Omit<KeyPair, 'privateKey'> & {
  state: KeyState
  /** Which key of its algorithm it is, counted from 1. */
  epoch: number
  /** An operator's own, which no schedule replaces. */
  imported: boolean
  /** Absent once the key is retained and only verifies. */
  privateKey?: Buffer
  publishedAt: Date | null
  activatedAt: Date | null
  retainUntil: Date | null
}

type Row = Pick<SigningKey, 'kid' | 'alg' | 'state' | 'epoch' | 'imported'> & {
  public_jwk: Record<string, unknown>
  sealed: Buffer | null
  published_at: Date | null
  activated_at: Date | null
  retain_until: Date | null
}

/** Told whenever the keys in force have changed. */
export const signingKeysChannel = 'foyer_signing_keys'

export const placeOf = (kid: string) => `signing_keys.${kid}.sealed`

export function createSigningKeyStore({ db, sealer }: { db: Pick<Db, 'query'>; sealer: Sealer }) {
  // By SQL: every start reads the keys, and a start that needs no ORM keeps 20 MiB for requests.
  async function list(): Promise<SigningKey[]> {
    const rows = await db.query<Row>({
      name: 'signing_keys_list',
      text: `SELECT kid, alg, state, epoch, imported, public_jwk, sealed, published_at, activated_at, retain_until
        FROM signing_keys WHERE state IN ('next', 'active', 'retained') ORDER BY created_at, kid`,
      values: [],
    })
    return rows.map(({ public_jwk, sealed, published_at, activated_at, retain_until, ...row }) => ({
      ...row,
      publicJwk: public_jwk,
      publishedAt: published_at,
      activatedAt: activated_at,
      retainUntil: retain_until,
      ...(sealed && { privateKey: sealer.open(sealed, placeOf(row.kid)) }),
    }))
  }

  /** Whether this key has ever been here, also if it has gone since. */
  async function isKnown(kid: string): Promise<boolean> {
    const text = 'SELECT kid FROM signing_keys WHERE kid = $1'
    return (await db.query({ name: 'signing_keys_known', text, values: [kid] })).length > 0
  }

  /** Does nothing when another process was first: each algorithm has one active and one next key. */
  async function insert(
    { kid, alg, publicJwk, privateKey }: KeyPair,
    { state, now }: { state: 'next' | 'active'; now: Date },
  ): Promise<void> {
    await db.query({
      name: 'signing_keys_insert',
      text: `INSERT INTO signing_keys
          (kid, alg, state, slot, epoch, public_jwk, sealed, created_at, published_at, activated_at)
        SELECT $1, $2, $3, $2 || ' ' || $3, 1 + coalesce(max(epoch), 0), $4::jsonb, $5::bytea,
          $6::timestamptz, $6::timestamptz, CASE WHEN $3 = 'active' THEN $6::timestamptz END
        FROM signing_keys WHERE alg = $2
        ON CONFLICT DO NOTHING`,
      values: [kid, alg, state, JSON.stringify(publicJwk), sealer.seal(privateKey, placeOf(kid)), now],
    })
  }

  return { list, isKnown, insert }
}

export type SigningKeyStore = ReturnType<typeof createSigningKeyStore>
