// Owns how users come in from another system: as new accounts only. One that is there is never changed.
import { isDeepStrictEqual } from 'node:util'
import type { Actor } from '../../kernel/events.ts'
import { newId } from '../../kernel/secrets.ts'
import type { Clock } from '../../kernel/time.ts'
import type { Tx } from '../../platform/postgres.ts'
import type { AccountBulkStore, StoredAccount } from '../accounts/bulk-store.ts'
import type { Audit } from '../audit/service.ts'
import { type Outcome, outcomesOf, type Plan, refused, rowsOf, standsOrDiffers } from './outcome.ts'
import type { UserRecord } from './schema.ts'

export type UserImportDeps = {
  store: Pick<AccountBulkStore, 'findAny' | 'insertAll'>
  audit: Pick<Audit, 'recordAll'>
  clock: Clock
}

export function createUserImport({ store, audit, clock }: UserImportDeps) {
  return async (tx: Tx, actor: Actor, records: readonly UserRecord[]): Promise<Outcome[]> => {
    const now = clock.now()
    const rows = records.map((record) => rowOf(record, now))
    const there = indexed(
      await store.findAny(tx, {
        ids: records.flatMap(({ id }) => id ?? []),
        emails: rows.map(({ emailCanonical }) => emailCanonical),
        usernames: rows.flatMap(({ username }) => username ?? []),
      }),
    )
    const plans = rows.map((row, index) => planFor(row, records[index], there))
    const inserted = await store.insertAll(tx, rowsOf(plans))
    // One fact for each account, as with every other way to make one
    const facts = rowsOf(plans).filter(({ id }) => inserted.has(id))
    await audit.recordAll(
      tx,
      facts.map(({ id, roles }) => ({ type: 'account.imported', actor, accountId: id, details: { roles } })),
    )
    return outcomesOf(plans, inserted)
  }
}

type Index = Map<string, StoredAccount>

const indexed = (accounts: readonly StoredAccount[]): Index =>
  new Map(
    accounts.flatMap((account) => {
      const { id, emailCanonical, username } = account
      const names = [
        `id ${id}`,
        `email ${emailCanonical}`,
        ...(username === null ? [] : [`username ${username}`]),
      ]
      return names.map((name): [string, StoredAccount] => [name, account])
    }),
  )

function planFor(row: StoredAccount, record: UserRecord | undefined, there: Index): Plan<StoredAccount> {
  const same = there.get(`email ${row.emailCanonical}`)
  if (same?.status === 'deleted') return refused('an account with this address exists and is being deleted')
  if (same) return standsOrDiffers('an account with this address', record ? differences(record, same) : [])
  if (there.has(`id ${row.id}`)) return refused('/id: belongs to another account')
  if (row.username !== null && there.has(`username ${row.username}`))
    return refused('/username: belongs to another account')
  return { row }
}

/** The claims of the profile stand in the record beside what has a column of its own. */
function profileOf(record: UserRecord): StoredAccount['profile'] {
  const { type, id, email, email_verified, username, preferred_username, ...rest } = record
  const { password_hash, vouched, status, roles, system, language, created_at, updated_at, ...claims } = rest
  return claims
}

function rowOf(record: UserRecord, now: Date): StoredAccount {
  const { email, created_at: createdAt = now, username, preferred_username: preferred } = record
  return {
    // Accounts are listed in the order of their ids: with the time in them, in the order they were made
    id: record.id ?? newId(createdAt),
    email: email.address,
    emailCanonical: email.canonical,
    emailVerifiedAt: record.email_verified ? createdAt : null,
    username: username ?? preferred ?? null,
    passwordHash: record.password_hash ?? null,
    vouched: record.vouched ?? false,
    profile: profileOf(record),
    roles: record.roles ?? [],
    status: record.status ?? 'active',
    system: record.system ?? false,
    locale: record.language ?? null,
    createdAt,
    updatedAt: record.updated_at ?? now,
  }
}

/** What the line says and the account does not. When it was last changed is no such thing. */
function differences(record: UserRecord, account: StoredAccount): string[] {
  const row = rowOf(record, account.createdAt)
  const { id, username, status, roles, system, language, vouched, created_at: createdAt } = record
  const claims = Object.entries(row.profile).filter(
    ([claim, value]) => !isDeepStrictEqual(value, Reflect.get(account.profile, claim)),
  )
  const checks: [string, boolean][] = [
    ['id', id !== undefined && id !== account.id],
    ['email_verified', record.email_verified === true && account.emailVerifiedAt === null],
    ['username', (username ?? record.preferred_username) !== undefined && row.username !== account.username],
    ['password_hash', row.passwordHash !== null && !mayBeSame(row.passwordHash, account.passwordHash)],
    ['status', status !== undefined && status !== account.status],
    ['roles', roles !== undefined && !isDeepStrictEqual(roles, account.roles)],
    ['system', system !== undefined && system !== account.system],
    ['vouched', vouched === true && !account.vouched],
    ['language', language !== undefined && language !== account.locale],
    ['created_at', createdAt !== undefined && createdAt.getTime() !== account.createdAt.getTime()],
  ]
  return [...checks.filter(([, differs]) => differs), ...claims].map(([name]) => name)
}

/** A sign-in since the first import has made the hash anew. */
const mayBeSame = (given: string, stored: string | null): boolean =>
  given === stored || (stored?.startsWith('$argon2id$') ?? false)
