// Owns the rows of the logos that apps name, one for each client at most.
import type { Db } from '../../platform/postgres.ts'

export type Logo = { mediaType: string; image: Buffer }

/** What is known of the logo that a client names now. */
export type KnownLogo = {
  wanted: string
  /** The address that was asked last, which may be one that the client named before. */
  source: string | null
  asked_at: Date | null
  media_type: string | null
  image: Buffer | null
}

type Claim = { clientId: string; source: string; now: Date; askedBefore: Date }

export type LogosStore = ReturnType<typeof createLogosStore>

export function createLogosStore(db: Pick<Db, 'query'>) {
  /** Undefined for who is no client, is turned off, or names no logo. */
  async function find(clientId: string): Promise<KnownLogo | undefined> {
    const [row] = await db.query<KnownLogo>({
      name: 'client_logo',
      text: `SELECT client.metadata->>'logo_uri' AS wanted, logo.source, logo.asked_at, logo.media_type, logo.image
        FROM clients client LEFT JOIN client_logos logo ON logo.client_id = client.id
        WHERE client.id = $1 AND client.enabled AND client.metadata ? 'logo_uri'`,
      values: [clientId],
    })
    return row
  }

  /** Of all who want to ask an address now, one may. The image stays while it is the same address. */
  async function claim({ clientId, source, now, askedBefore }: Claim): Promise<boolean> {
    const claimed = await db.query({
      name: 'client_logo_claim',
      text: `INSERT INTO client_logos AS logo (client_id, source, asked_at)
        SELECT id, $2, $3::timestamptz FROM clients WHERE id = $1
        ON CONFLICT (client_id) DO UPDATE SET source = excluded.source, asked_at = excluded.asked_at,
          media_type = CASE WHEN logo.source = excluded.source THEN logo.media_type END,
          image = CASE WHEN logo.source = excluded.source THEN logo.image END
        WHERE logo.source <> excluded.source OR logo.asked_at <= $4::timestamptz
        RETURNING 1`,
      values: [clientId, source, now, askedBefore],
    })
    return claimed.length === 1
  }

  /** Not when the client has named another address meanwhile. */
  async function keep(clientId: string, source: string, { mediaType, image }: Logo): Promise<void> {
    await db.query({
      name: 'client_logo_keep',
      text: 'UPDATE client_logos SET media_type = $3, image = $4 WHERE client_id = $1 AND source = $2',
      values: [clientId, source, mediaType, image],
    })
  }

  return { find, claim, keep }
}
