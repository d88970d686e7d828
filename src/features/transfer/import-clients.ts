// Owns how clients come in from another system, under the ids that their apps know. Secrets rest as hashes at once.
import { isDeepStrictEqual } from 'node:util'
import type { Actor } from '../../kernel/events.ts'
import { hashSecret, newId } from '../../kernel/secrets.ts'
import type { Clock } from '../../kernel/time.ts'
import type { Tx } from '../../platform/postgres.ts'
import type { Audit } from '../audit/service.ts'
import { accountClient } from '../clients/built-in.ts'
import type { ClientBulkStore, NewSecret } from '../clients/bulk-store.ts'
import { firstPartyClient } from '../clients/first-party.ts'
import { needsSecret } from '../clients/security-schema.ts'
import type { Client, ClientStore } from '../clients/store.ts'
import { type Outcome, outcomesOf, type Plan, refused, rowsOf, standsOrDiffers } from './outcome.ts'
import type { ClientRecord } from './record.ts'

export type ClientImportDeps = {
  store: Pick<ClientBulkStore, 'findAny' | 'insertAll' | 'insertSecrets'>
  notify: ClientStore['notify']
  audit: Pick<Audit, 'recordAll'>
  clock: Clock
}

export function createClientImport({ store, notify, audit, clock }: ClientImportDeps) {
  return async (tx: Tx, actor: Actor, records: readonly ClientRecord[]): Promise<Outcome[]> => {
    const now = clock.now()
    const found = await store.findAny(
      tx,
      records.map(({ own }) => own.client_id),
    )
    const there = new Map(found.map((client) => [client.id, client]))
    const plans = records.map((record) => planFor(record, there.get(record.own.client_id), now))
    const inserted = await store.insertAll(tx, rowsOf(plans))
    const made = records.filter(({ own }, index) => {
      const plan = plans[index]
      return plan !== undefined && 'row' in plan && inserted.has(own.client_id)
    })
    if (made.length === 0) return outcomesOf(plans, inserted)
    await store.insertSecrets(
      tx,
      made.flatMap((record) => secretsOf(record, now)),
    )
    await audit.recordAll(
      tx,
      made.map(({ own }) => ({ type: 'client.created', actor, clientId: own.client_id })),
    )
    await notify(tx, '*')
    return outcomesOf(plans, inserted)
  }
}

/** Both are the code's, never a file's. */
const builtIn: readonly string[] = [accountClient, firstPartyClient]

function planFor({ own, metadata }: ClientRecord, same: Client | undefined, now: Date): Plan<Client> {
  if (builtIn.includes(own.client_id)) return refused('/client_id: is one of Foyer’s own')
  const bringsSecret = own.client_secret !== undefined || own.client_secret_hashes !== undefined
  if (bringsSecret && !needsSecret(metadata)) return refused('/client_secret: a public client has none')
  if (same) return standsOrDiffers('a client with this id', differences({ own, metadata }, same))
  const { client_id: id, enabled = true, created_at: createdAt = now, updated_at: updatedAt = now } = own
  return { row: { id, metadata, enabled, createdAt, updatedAt } }
}

/** Secrets are not compared: they may have been rotated since. */
function differences({ own, metadata }: Omit<ClientRecord, 'type'>, client: Client): string[] {
  const names = new Set([...Object.keys(metadata), ...Object.keys(client.metadata)])
  const differing = [...names].filter(
    (name) => !isDeepStrictEqual(Reflect.get(metadata, name), Reflect.get(client.metadata, name)),
  )
  const isOther = own.enabled !== undefined && own.enabled !== client.enabled
  return [...(isOther ? ['enabled'] : []), ...differing]
}

function secretsOf({ own }: ClientRecord, now: Date): NewSecret[] {
  const { client_id: clientId, client_secret: secret, client_secret_hashes: hashes = [] } = own
  if (secret !== undefined) {
    return [{ id: newId(now), clientId, hash: hashSecret(secret), createdAt: now, expiresAt: null }]
  }
  return hashes.map(({ sha256, created_at: createdAt = now, expires_at: expiresAt = null }) => ({
    id: newId(createdAt),
    clientId,
    hash: Buffer.from(sha256, 'hex'),
    createdAt,
    expiresAt,
  }))
}
