// Owns the unit of work: what one request has read of oidc-provider's storage and what it is about to write.
// Everything it writes goes out in one statement after the handler, see platform/compose.ts and commit.ts.
import { AsyncLocalStorage } from 'node:async_hooks'
import type { AppError } from '../../kernel/errors.ts'
import type { Payload } from './kinds.ts'
import type { ArtifactWrite } from './new-artifacts.ts'
import type { AccountSnapshot, SessionFound } from './reads.ts'

/** Where the request came from; rests with sessions and interactions. */
export type Origin = {
  requestId?: string
  address?: string
  userAgent?: string
  browserHash?: Buffer
}

/** A refresh token presented in this request, and what redeeming it would do. */
export type Presented = {
  id: string
  hash: Buffer
  familyId: string
  generation: number
  grantId: string
  use: 'rotate' | 'replay'
  /** Set once the successor is saved. */
  childHash?: Buffer
}

/** What was found or staged of a row; without a payload it is known not to exist. */
export type Row = {
  readonly kind: string
  readonly id: string
  payload: Payload | undefined
  /** This unit itself brings it into being. */
  isNew: boolean
}

export type Unit = {
  readonly origin: Origin
  /** A request meets some ten rows: walking them is cheaper than making and hashing a key of kind and id. */
  readonly rows: Row[]
  readonly accounts: Map<string, AccountSnapshot | undefined>
  /** Sessions as they were read, by uid: what is written is the difference. */
  readonly sessions: Map<string, SessionFound>
  /** The proofs given in an interaction so far, by its uid. */
  readonly attempts: Map<string, Record<string, unknown>>
  readonly writes: Map<string, ArtifactWrite>
  /** Finds of this tick that will share one statement, by id. */
  readonly pending: Map<string, { kinds: Set<string>; done: Promise<void> }>
  presented?: Presented
  /** The grant of the code that is spent in this request: losing the race for it ends what it gave. */
  spentCode?: { grantId: string }
  /** Something spent was presented again: this request ends its grant, unless another one was first. */
  endsReused?: boolean
  /** The database was away when this request needed it. */
  unavailable?: AppError
}

const storage = new AsyncLocalStorage<Unit>()

export function newUnit(origin: Origin = {}): Unit {
  return {
    origin,
    rows: [],
    accounts: new Map(),
    sessions: new Map(),
    attempts: new Map(),
    writes: new Map(),
    pending: new Map(),
  }
}

/** The unit of the current request. Throws outside one: every entrance opens a unit. */
export function currentUnit(): Unit {
  const unit = storage.getStore()
  if (!unit) throw new Error('no unit of work: the caller must run inside artifacts.run')
  return unit
}

/** The unit of the current request, where there may be none. */
export const findUnit = (): Unit | undefined => storage.getStore()

export const inUnit = <T>(unit: Unit, work: () => T): T => storage.run(unit, work)

/** What this unit knows of a row, if anything. */
export const rowOf = (unit: Unit, kind: string, id: string): Row | undefined =>
  unit.rows.find((row) => row.id === id && row.kind === kind)

/** Notes what there is of a row. */
export function note(unit: Unit, { kind, id, payload }: Omit<Row, 'isNew'>): Row {
  const known = rowOf(unit, kind, id)
  if (known) {
    known.payload = payload
    return known
  }
  const row = { kind, id, payload, isNew: false }
  unit.rows.push(row)
  return row
}

/** Stages a write; the last write of a row wins. */
export function stage(unit: Unit, write: ArtifactWrite): void {
  unit.writes.delete(write.row)
  unit.writes.set(write.row, write)
}
