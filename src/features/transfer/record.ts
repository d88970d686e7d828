// Owns how a value that a file holds becomes a record, or a refusal that says what to correct.
import { invalidInput } from '../../kernel/errors.ts'
import { checkText, parse } from '../../kernel/input.ts'
import { ClientMetadata } from '../clients/schema.ts'
import {
  ApiClientRecord,
  ApiRecord,
  ClientOwn,
  MemberRecord,
  type RecordType,
  RoleRecord,
  recordTypes,
  TeamRecord,
  UserRecord,
} from './schema.ts'

export type ClientRecord = { type: 'client'; own: ClientOwn; metadata: ClientMetadata }
export type AnyRecord =
  | UserRecord
  | TeamRecord
  | RoleRecord
  | MemberRecord
  | ApiRecord
  | ClientRecord
  | ApiClientRecord
export type RecordOf<Type extends RecordType> = Extract<AnyRecord, { type: Type }>

const readers: Record<RecordType, (value: object) => AnyRecord> = {
  user: (value) => parse(UserRecord, value),
  team: (value) => parse(TeamRecord, value),
  member: (value) => parse(MemberRecord, value),
  role: (value) => parse(RoleRecord, value),
  api: (value) => parse(ApiRecord, value),
  client: readClient,
  api_client: (value) => parse(ApiClientRecord, value),
}

export function readRecord(value: unknown): AnyRecord {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalidInput([])
  assertStorable(value, 0)
  const type: unknown = Reflect.get(value, 'type')
  const known = recordTypes.find((name) => name === type)
  if (known) return readers[known](value)
  throw invalidInput([{ pointer: '/type', code: 'invalid', detail: `must be ${recordTypes.join(', ')}` }])
}

/** What is ours and what is OpenID Connect client metadata stand beside each other. */
function readClient(value: object): ClientRecord {
  const names = Object.keys(ClientOwn.shape)
  const split = Object.groupBy(Object.entries(value), ([name]) => (names.includes(name) ? 'own' : 'metadata'))
  const own = parse(ClientOwn, Object.fromEntries(split.own ?? []))
  return { type: 'client', own, metadata: parse(ClientMetadata, Object.fromEntries(split.metadata ?? [])) }
}

const deepest = 32

/** PostgreSQL stores neither NUL nor half a surrogate pair; not every format that is read here refuses them. */
function assertStorable(value: unknown, depth: number): void {
  if (depth > deepest) throw invalidInput([])
  if (typeof value === 'string') checkText(value)
  if (typeof value !== 'object' || value === null) return
  for (const [name, member] of Object.entries(value)) {
    checkText(name)
    assertStorable(member, depth + 1)
  }
}
