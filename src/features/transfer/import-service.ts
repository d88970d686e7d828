// Owns the import: gathers records of one kind and writes each batch in a transaction of its own. So a run that was
// ended half-way is taken up by running it again, since what is there is left as it is.
import type { Actor } from '../../kernel/events.ts'
import type { Clock } from '../../kernel/time.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { AccountBulkStore } from '../accounts/bulk-store.ts'
import type { Audit } from '../audit/service.ts'
import type { ApiBulkStore } from '../clients/api-bulk-store.ts'
import type { ClientBulkStore } from '../clients/bulk-store.ts'
import type { ClientStore } from '../clients/store.ts'
import type { TeamBulkStore } from '../teams/bulk-store.ts'
import type { RoleBulkStore } from '../teams/role-bulk-store.ts'
import { createClaims } from './claims.ts'
import { createApiClientImport, createApiImport } from './import-apis.ts'
import { createClientImport } from './import-clients.ts'
import { createMemberImport } from './import-members.ts'
import { createRoleImport } from './import-roles.ts'
import { createTeamImport } from './import-teams.ts'
import { createUserImport } from './import-users.ts'
import type { Item } from './item.ts'
import { type Outcome, reasonOf } from './outcome.ts'
import { type AnyRecord, type RecordOf, readRecord } from './record.ts'
import type { RecordType } from './schema.ts'

export type ImportReport = {
  created: number
  /** There already, as the line says. */
  unchanged: number
  refused: { line: number; reason: string }[]
}

export type ImportDeps = {
  db: Pick<Db, 'inTransaction'>
  accounts: AccountBulkStore
  teams: TeamBulkStore
  roles: RoleBulkStore
  apis: ApiBulkStore
  clients: ClientBulkStore
  notify: ClientStore['notify']
  audit: Pick<Audit, 'recordAll' | 'recordAlone'>
  clock: Clock
}

/** Told after each batch up to which line it is done. */
export type OnProgress = (line: number, report: ImportReport) => void

export type Import = ReturnType<typeof createImport>

/** A record and the place in the file it is from. */
type Placed = { line: number; at?: string | undefined; record: AnyRecord }
type Take<Rec extends AnyRecord> = (tx: Tx, actor: Actor, records: readonly Rec[]) => Promise<Outcome[]>

/** Rows that one batch writes, so that no statement takes long. */
const batchRows = 500

export function createImport(deps: ImportDeps) {
  const { db, audit } = deps
  const takers = createTakers(deps)

  async function run(
    actor: Actor,
    items: AsyncIterable<Item>,
    onProgress: OnProgress = () => undefined,
  ): Promise<ImportReport> {
    const report: ImportReport = { created: 0, unchanged: 0, refused: [] }
    const write = (batch: readonly AnyRecord[], type: RecordType) =>
      db.inTransaction((tx) => takers[type](tx, actor, batch))
    const gathering = createGathering({ report, write, onProgress })
    for await (const item of items) await gathering.add(item)
    await gathering.flush()
    report.refused.sort((one, other) => one.line - other.line)
    const { created, unchanged, refused } = report
    const details = { created, unchanged, refused: refused.length }
    await audit.recordAlone({ type: 'instance.imported', actor, details })
    return report
  }

  return { run }
}

type GatheringDeps = {
  report: ImportReport
  write: (batch: readonly AnyRecord[], type: RecordType) => Promise<Outcome[]>
  onProgress: OnProgress
}

/** One kind at a time, in the order of the file: what a line names stands before it. */
function createGathering({ report, write, onProgress }: GatheringDeps) {
  const claims = createClaims()
  let batch: Placed[] = []
  let rows = 0

  const refuse = ({ line, at }: Pick<Placed, 'line' | 'at'>, reason: string) =>
    report.refused.push({ line, reason: at === undefined ? reason : `${at}: ${reason}` })

  async function add(item: Item): Promise<void> {
    const record = recordOf(item)
    const { line } = item
    const at = 'at' in item ? item.at : undefined
    if (typeof record === 'string') return void refuse({ line, at }, record)
    const isOfAnotherKind = batch[0] !== undefined && batch[0].record.type !== record.type
    // The earlier line with the same name may come to nothing itself
    if (rows >= batchRows || isOfAnotherKind || claims.holderOf(record)) await flush()
    const holder = claims.holderOf(record)
    if (holder) return void refuse({ line, at }, `/${holder.name}: is that of line ${holder.line}`)
    claims.claim(record, line)
    batch.push({ line, at, record })
    rows += rowsIn(record)
  }

  async function flush(): Promise<void> {
    const gathered = batch
    batch = []
    rows = 0
    const [first] = gathered
    if (!first) return
    const records = gathered.map(({ record }) => record)
    const outcomes = await write(records, first.record.type)
    for (const [index, placed] of gathered.entries()) settle(placed, outcomes[index])
    onProgress(gathered.at(-1)?.line ?? 0, report)
  }

  function settle(placed: Placed, outcome: Outcome = 'unchanged'): void {
    if (typeof outcome === 'string') {
      report[outcome] += 1
      return
    }
    refuse(placed, outcome.refused)
    claims.release(placed.record)
  }

  return { add, flush }
}

/** A team brings its members along. */
const rowsIn = (record: AnyRecord): number => 1 + (record.type === 'team' ? (record.members?.length ?? 0) : 0)

/** The record, or why there is none. */
function recordOf(item: Item): AnyRecord | string {
  if ('refused' in item) return item.refused
  try {
    return readRecord(item.value)
  } catch (error) {
    return reasonOf(error)
  }
}

function createTakers({ accounts, teams, roles, apis, clients, notify, audit, clock }: ImportDeps) {
  const members = createMemberImport({ store: teams, accounts, audit, clock })
  const ofApis = { store: apis, clients, notify, audit, clock }
  return {
    user: taking('user', createUserImport({ store: accounts, audit, clock })),
    team: taking('team', createTeamImport({ store: teams, members, audit, clock })),
    role: taking('role', createRoleImport({ store: roles, teams, audit, clock })),
    member: taking('member', members.take),
    api: taking('api', createApiImport(ofApis)),
    client: taking('client', createClientImport({ store: clients, notify, audit, clock })),
    api_client: taking('api_client', createApiClientImport(ofApis)),
  } satisfies Record<RecordType, Take<AnyRecord>>
}

const taking =
  <Type extends RecordType>(type: Type, take: Take<RecordOf<Type>>): Take<AnyRecord> =>
  (tx, actor, records) =>
    take(
      tx,
      actor,
      records.filter((record): record is RecordOf<Type> => record.type === type),
    )
