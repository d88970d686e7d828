// Owns how signing keys rest: public part in plain, private part sealed. Their life is decided in oidc/keys.ts.
import type { Db } from '../../platform/postgres.ts'
import type { Sealer } from '../../platform/sealer.ts'

export type SigningAlg = 'RS256' | 'PS256' | 'ES256' | 'EdDSA'
export type KeyState = 'next' | 'active' | 'retained'

export type SigningKey = {
  kid: string
  alg: SigningAlg
  state: KeyState
  publicJwk: Record<string, unknown>
  /** PKCS#8 in DER; absent once the key is retained and only verifies. */
  privateKey?: Buffer
  publishedAt: Date | null
}

type Row = {
  kid: string
  alg: SigningAlg
  state: KeyState
  public_jwk: Record<string, unknown>
  sealed: Buffer | null
  published_at: Date | null
}

const purpose = (kid: string) => `signing_keys.${kid}.sealed`

export function createSigningKeyStore({ db, sealer }: { db: Db; sealer: Sealer }) {
  // By SQL: every start reads the keys, and a start that needs no ORM keeps 20 MiB for requests.
  async function list(): Promise<SigningKey[]> {
    const rows = await db.query<Row>({
      name: 'signing_keys_list',
      text: `SELECT kid, alg, state, public_jwk, sealed, published_at FROM signing_keys
        WHERE state IN ('next', 'active', 'retained') ORDER BY created_at, kid`,
      values: [],
    })
    return rows.map(({ kid, alg, state, public_jwk, sealed, published_at }) => ({
      kid,
      alg,
      state,
      publicJwk: public_jwk,
      publishedAt: published_at,
      ...(sealed && { privateKey: sealer.open(sealed, purpose(kid)) }),
    }))
  }

  /** Does nothing when another process was first: each algorithm has one active and one next key. */
  async function insert(key: SigningKey & { privateKey: Buffer }, now: Date): Promise<void> {
    const { kid, alg, state, publicJwk, privateKey, publishedAt } = key
    await db.query({
      name: 'signing_keys_insert',
      text: `INSERT INTO signing_keys
          (kid, alg, state, slot, public_jwk, sealed, created_at, published_at, activated_at)
        VALUES ($1, $2, $3, $2 || ' ' || $3, $4::jsonb, $5, $6, $7, CASE WHEN $3 = 'active' THEN $6::timestamptz END)
        ON CONFLICT (slot) DO NOTHING`,
      values: [
        kid,
        alg,
        state,
        JSON.stringify(publicJwk),
        sealer.seal(privateKey, purpose(kid)),
        now,
        publishedAt,
      ],
    })
  }

  return { list, insert }
}

export type SigningKeyStore = ReturnType<typeof createSigningKeyStore>
