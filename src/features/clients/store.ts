// Owns the rows of clients, their secrets and the APIs they may ask for.
// The protocol reads a client by one prepared statement; everything else goes through the ORM.
import type { Client as ClientModel, Prisma } from '../../generated/prisma/client.ts'
import { fromSeconds } from '../../kernel/time.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { DetailType } from './authorization-details.ts'
import type { ClientMetadata } from './schema.ts'

/** What rests in the column `metadata`; the rest of a registration has columns of its own. */
export type StoredMetadata = Omit<
  ClientMetadata,
  'first_party' | 'refresh_grace_seconds' | 'default_resource'
>

/** An API as one client may use it. */
export type ClientApi = {
  identifier: string
  name: string
  /** What this client may ask for there; empty when it only serves it. */
  scopes: string[]
  /** The client is the API itself and may introspect its tokens. */
  serves: boolean
  /** Its tokens tell what the person may do by their roles. */
  wantsPermissions: boolean
}

export type ProtocolClient = {
  id: string
  metadata: StoredMetadata
  first_party: boolean
  enabled: boolean
  refresh_grace_seconds: number
  default_resource: string | null
  /** Nobody here has looked at it: it came by dynamic registration, or by a document. */
  self_registered: boolean
  /** Its id is the address of the document that describes it. */
  from_document: boolean
  /** SHA-256 of each secret. A cached client must look at `expires_at` each time. */
  secrets: { hash: Buffer; expires_at: Date | null }[]
  apis: ClientApi[]
}

export type Api = { identifier: string; name: string; scopes: string[]; openToAll: boolean }

/** What is absent is not wanted. */
export type SavedApi = Api & { wantsPermissions?: boolean; detailTypes?: DetailType[] }

export type Client = {
  id: string
  metadata: ClientMetadata
  enabled: boolean
  createdAt: Date
  updatedAt: Date
}

export type NewClient = {
  id: string
  metadata: ClientMetadata
  registrationTokenHash?: Buffer
  documentReadAt?: Date
  now: Date
}
export type RegistrationTokens = { from: Buffer; to: Buffer }

export type ClientStore = ReturnType<typeof createClientStore>

/** On this channel every change of a client or API is told: the client's id, or `*` for all of them. */
export const clientsChannel = 'foyer_clients'

type ProtocolRow = Omit<ProtocolClient, 'secrets' | 'apis'> & {
  secrets: { hash: string; expires_at: number | null }[] | null
  apis: ClientApi[] | null
}

export function createClientStore(db: Pick<Db, 'prisma' | 'query'>) {
  async function findForProtocol(id: string, now: Date): Promise<ProtocolClient | null> {
    const [row] = await db.query<ProtocolRow>({
      name: 'client_for_protocol',
      text: findForProtocolSql,
      values: [id, now],
    })
    if (!row) return null
    const secrets = (row.secrets ?? []).map(({ hash, expires_at }) => ({
      hash: Buffer.from(hash, 'hex'),
      expires_at: expires_at === null ? null : fromSeconds(expires_at),
    }))
    return { ...row, secrets, apis: row.apis ?? [] }
  }

  async function findApi(identifier: string): Promise<Api | null> {
    const [row] = await db.query<Api>({
      name: 'api_find',
      text: `SELECT identifier, name, scopes, open_to_all AS "openToAll" FROM apis WHERE identifier = $1`,
      values: [identifier],
    })
    return row ?? null
  }

  async function find(id: string): Promise<Client | null> {
    const row = await db.prisma.client.findUnique({ where: { id } })
    return row && present(row)
  }

  async function list({ after, limit }: { after?: string; limit: number }): Promise<Client[]> {
    const rows = await db.prisma.client.findMany({
      where: after === undefined ? {} : { id: { gt: after } },
      orderBy: { id: 'asc' },
      take: limit,
    })
    return rows.map(present)
  }

  async function insert(tx: Tx, { registrationTokenHash, ...client }: NewClient): Promise<Client> {
    const { id, metadata, documentReadAt = null, now } = client
    const data = { id, ...columnsOf(metadata), documentReadAt, createdAt: now, updatedAt: now }
    const token = registrationTokenHash && { registrationTokenHash: new Uint8Array(registrationTokenHash) }
    return present(await tx.client.create({ data: { ...data, ...token } }))
  }

  /** Of many who show one registration access token at the same moment, one goes on. */
  async function rotateRegistration(tx: Tx, id: string, { from, to }: RegistrationTokens): Promise<boolean> {
    const { count } = await tx.client.updateMany({
      where: { id, registrationTokenHash: new Uint8Array(from) },
      data: { registrationTokenHash: new Uint8Array(to) },
    })
    return count === 1
  }

  async function findRegistered(id: string, registrationTokenHash: Buffer): Promise<Client | null> {
    const where = { id, enabled: true, registrationTokenHash: new Uint8Array(registrationTokenHash) }
    const row = await db.prisma.client.findFirst({ where })
    return row && present(row)
  }

  /** Is it one of the client's secrets at `now`? */
  async function hasSecret(clientId: string, { hash, now }: { hash: Buffer; now: Date }): Promise<boolean> {
    const living = { OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] }
    const where = { clientId, hash: new Uint8Array(hash), ...living }
    return (await db.prisma.clientSecret.count({ where })) > 0
  }

  async function update(
    tx: Tx,
    id: string,
    {
      metadata,
      expected,
      now,
    }: { metadata: ClientMetadata; expected?: readonly Date[] | undefined; now: Date },
  ): Promise<Client | null> {
    const [row] = await tx.client.updateManyAndReturn({
      where: { id, ...(expected && { updatedAt: { in: [...expected] } }) },
      data: { ...columnsOf(metadata), updatedAt: now },
    })
    return row ? present(row) : null
  }

  async function setEnabled(tx: Tx, id: string, { enabled, now }: { enabled: boolean; now: Date }) {
    return present(await tx.client.update({ where: { id }, data: { enabled, updatedAt: now } }))
  }

  const remove = async (tx: Tx, id: string): Promise<boolean> =>
    (await tx.client.deleteMany({ where: { id } })).count === 1

  /** Changes of one client's secrets wait for each other here. */
  async function lock(tx: Tx, id: string): Promise<Client | null> {
    await tx.$queryRaw`SELECT id FROM clients WHERE id = ${id} FOR UPDATE`
    const row = await tx.client.findUnique({ where: { id } })
    return row && present(row)
  }

  async function insertSecret(
    tx: Tx,
    { id, clientId, hash, now }: { id: string; clientId: string; hash: Buffer; now: Date },
  ): Promise<void> {
    await tx.clientSecret.create({ data: { id, clientId, hash: new Uint8Array(hash), createdAt: now } })
  }

  /** Of the secrets there are only the newest lives on, until `expiresAt`. */
  async function expireSecrets(
    tx: Tx,
    clientId: string,
    { expiresAt, now }: { expiresAt: Date; now: Date },
  ): Promise<void> {
    const [newest, ...older] = await tx.clientSecret.findMany({
      where: { clientId, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] },
      orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    })
    await tx.clientSecret.deleteMany({
      where: {
        clientId,
        OR: [{ expiresAt: { lte: now } }, { id: { in: older.map((secret) => secret.id) } }],
      },
    })
    if (newest) await tx.clientSecret.update({ where: { id: newest.id }, data: { expiresAt } })
  }

  async function upsertApi(tx: Tx, api: SavedApi & { now: Date }): Promise<void> {
    const { identifier, name, scopes, openToAll, wantsPermissions = false, detailTypes = [], now } = api
    const shared = { name, scopes, openToAll, wantsPermissions, detailTypes, updatedAt: now }
    await tx.api.upsert({
      where: { identifier },
      create: { identifier, ...shared, createdAt: now },
      update: shared,
    })
  }

  async function allowApi(
    tx: Tx,
    clientId: string,
    { identifier, scopes, serves }: Pick<ClientApi, 'identifier' | 'scopes' | 'serves'>,
  ): Promise<void> {
    await tx.apiClient.upsert({
      where: { identifier_clientId: { identifier, clientId } },
      create: { identifier, clientId, scopes, serves },
      update: { scopes, serves },
    })
  }

  /** Told at commit, so that no cache reads the client before it has changed. */
  async function notify(tx: Tx, id: string): Promise<void> {
    await tx.$executeRaw`SELECT pg_notify(${clientsChannel}, ${id})`
  }

  return {
    findForProtocol,
    findApi,
    find,
    list,
    insert,
    rotateRegistration,
    findRegistered,
    hasSecret,
    update,
    setEnabled,
    remove,
    lock,
    insertSecret,
    expireSecrets,
    upsertApi,
    allowApi,
    notify,
  }
}

// An open API gives everybody all of its scopes; a client that is listed gets what its entry says.
const findForProtocolSql = `
  SELECT c.id, c.metadata, c.first_party, c.enabled, c.refresh_grace_seconds, c.default_resource,
    (c.registration_token_hash IS NOT NULL OR c.document_read_at IS NOT NULL) AS self_registered,
    c.document_read_at IS NOT NULL AS from_document,
    (SELECT jsonb_agg(jsonb_build_object(
        'hash', encode(s.hash, 'hex'), 'expires_at', extract(epoch FROM s.expires_at)) ORDER BY s.created_at DESC)
      FROM client_secrets s
      WHERE s.client_id = c.id AND (s.expires_at IS NULL OR s.expires_at > $2::timestamptz)) AS secrets,
    (SELECT jsonb_agg(jsonb_build_object(
        'identifier', a.identifier, 'name', a.name, 'serves', coalesce(ac.serves, false),
        'wantsPermissions', a.wants_permissions, 'scopes',
        CASE WHEN cardinality(ac.scopes) > 0 THEN ac.scopes WHEN a.open_to_all THEN a.scopes ELSE '{}' END)
        ORDER BY a.identifier)
      FROM apis a LEFT JOIN api_clients ac ON ac.identifier = a.identifier AND ac.client_id = c.id
      WHERE a.open_to_all OR ac.client_id IS NOT NULL) AS apis
  FROM clients c WHERE c.id = $1`

/** As a registration rests in the columns of its row. */
export function columnsOf(all: ClientMetadata) {
  const { first_party, refresh_grace_seconds, default_resource, ...metadata } = all
  return {
    metadata: metadata satisfies Prisma.InputJsonObject,
    firstParty: first_party,
    refreshGraceSeconds: refresh_grace_seconds,
    defaultResource: default_resource ?? null,
  }
}

export function present(row: ClientModel): Client {
  const { id, enabled, createdAt, updatedAt, firstParty, refreshGraceSeconds, defaultResource } = row
  const metadata = {
    ...(row.metadata as StoredMetadata),
    first_party: firstParty,
    refresh_grace_seconds: refreshGraceSeconds,
    ...(defaultResource === null ? {} : { default_resource: defaultResource }),
  }
  return { id, metadata, enabled, createdAt, updatedAt }
}
