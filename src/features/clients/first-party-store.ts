// Owns the rows of the management API and of the JSON door's client, written at every start of a server.
import type { Db } from '../../platform/postgres.ts'
import { firstPartyClient, firstPartyMetadata, managementApi, managementScopes } from './first-party.ts'
import { clientsChannel } from './store.ts'

/** Makes what is missing and corrects what differs. Caches are told only when something did. */
export async function saveFirstParty(
  db: Pick<Db, 'query'>,
  { issuer, now }: { issuer: string; now: Date },
): Promise<void> {
  await db.query({
    name: 'clients_save_first_party',
    text: saveSql,
    values: [
      firstPartyClient,
      JSON.stringify(firstPartyMetadata),
      managementApi(issuer),
      managementScopes,
      now,
      clientsChannel,
    ],
  })
}

// Contract, First-party JSON door: refresh_grace_seconds is 0, this door has no grace.
const saveSql = `
  WITH client AS (
    INSERT INTO clients AS c (id, metadata, first_party, refresh_grace_seconds, default_resource, created_at, updated_at)
    VALUES ($1::text, $2::jsonb, true, 0, $3::text, $5::timestamptz, $5)
    ON CONFLICT (id) DO UPDATE SET metadata = excluded.metadata, first_party = true, refresh_grace_seconds = 0,
      default_resource = excluded.default_resource, updated_at = excluded.updated_at
    WHERE (c.metadata, c.first_party, c.refresh_grace_seconds, c.default_resource) IS DISTINCT FROM
      (excluded.metadata, true, 0, excluded.default_resource)
    RETURNING 1
  ), api AS (
    INSERT INTO apis AS a (identifier, name, scopes, open_to_all, created_at)
    VALUES ($3, 'Foyer management', $4::text[], false, $5)
    ON CONFLICT (identifier) DO UPDATE SET scopes = excluded.scopes WHERE a.scopes IS DISTINCT FROM excluded.scopes
    RETURNING 1
  ), allowed AS (
    INSERT INTO api_clients AS ac (identifier, client_id, scopes, serves) VALUES ($3, $1, $4, false)
    ON CONFLICT (identifier, client_id) DO UPDATE SET scopes = excluded.scopes
    WHERE ac.scopes IS DISTINCT FROM excluded.scopes
    RETURNING 1
  )
  SELECT pg_notify($6::text, '*')
  FROM (SELECT 1 FROM client UNION ALL SELECT 1 FROM api UNION ALL SELECT 1 FROM allowed LIMIT 1) AS changed`
