// Owns the rows of accounts and of the one-time links that let someone set a first password.
// The sign-in finds its person by a statement of its own, features/authn/store.ts.
import type { Account as AccountModel } from '../../generated/prisma/client.ts'
import { limitRow } from '../../platform/limiter.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { Account, AccountSearch, AccountStatus, Profile } from './schema.ts'

export type NewAccount = {
  id: string
  email: string
  emailCanonical: string
  emailVerifiedAt: Date | null
  username: string | null
  passwordHash: string | null
  profile: Profile
  roles: string[]
  system?: boolean
  /** See the schema. */
  vouched?: boolean
  locale?: string
  now: Date
}

export type TicketPurpose = 'claim' | 'set_password' | 'restore'
export type NewTicket = {
  idHash: Buffer
  purpose: TicketPurpose
  accountId: string | null
  now: Date
  expiresAt: Date
}
export type Redeemed = { purpose: TicketPurpose; accountId: string | null }

/** What is absent stays. */
export type AccountChange = {
  username?: string | null
  profile?: Profile
  locale?: string | null
  /** Only when it was last changed at one of these moments. */
  expected?: readonly Date[] | undefined
  now: Date
}

/** An account; with an epoch only as long as what guards it is what it was then. */
export type Seen = { id: string; securityEpoch?: number }

export type ListAccounts = AccountSearch & { after?: string; take: number }

export type AccountStore = ReturnType<typeof createAccountStore>

export function createAccountStore(db: Pick<Db, 'prisma' | 'query'>) {
  async function findById(id: string): Promise<Account | null> {
    const row = await db.prisma.account.findUnique({ where: { id } })
    return row && present(row)
  }

  /** By canonical address or by user name: a text is never both, since only the first holds an @. */
  async function findByIdentifier(identifier: {
    emailCanonical: string | null
    username: string | null
  }): Promise<Account | null> {
    const { emailCanonical, username } = identifier
    if (emailCanonical !== null) return presented(db.prisma.account.findUnique({ where: { emailCanonical } }))
    if (username !== null) return presented(db.prisma.account.findUnique({ where: { username } }))
    return null
  }

  /** A page in the order they were made, which is the order of their ids: one statement, each part of it by an index. */
  function list({ after = firstId, take, search, status }: ListAccounts): Promise<Account[]> {
    if (search !== undefined) {
      const values = [after, status ?? null, take, ...beginnings(search)]
      return db.query({ name: 'accounts_search', text: searchSql, values })
    }
    // One of its own for each, so that the few of a status are not looked for among all
    return status === undefined
      ? db.query({ name: 'accounts_list', text: listSql, values: [after, take] })
      : db.query({ name: 'accounts_of_status', text: statusSql, values: [after, take, status] })
  }

  async function insert(tx: Tx, { now, ...account }: NewAccount): Promise<Account> {
    const row = await tx.account.create({ data: { ...account, createdAt: now, updatedAt: now } })
    return present(row)
  }

  /** By the operator's hand. Gives the account as it is now, or null when there is none. */
  async function setPassword(
    tx: Tx,
    id: string,
    { passwordHash, now }: { passwordHash: string; now: Date },
  ): Promise<Account | null> {
    const [row] = await tx.account.updateManyAndReturn({
      where: { id },
      data: { passwordHash, vouched: true, securityEpoch: { increment: 1 }, updatedAt: now },
    })
    return row ? present(row) : null
  }

  /** Replaces the hash of the same password; does nothing when the password changed meanwhile. */
  async function replaceHash(id: string, { from, to }: { from: string; to: string }): Promise<void> {
    await db.query({
      name: 'account_replace_hash',
      text: `UPDATE accounts SET password_hash = $3 WHERE id = $1::uuid AND password_hash = $2`,
      values: [id, from, to],
    })
  }

  /** Gives the account as it is now, or null when there is none, or none any more that is as it was seen. */
  async function update(tx: Tx, { id, ...seen }: Seen, change: AccountChange): Promise<Account | null> {
    const { now, expected, ...data } = change
    const where = { id, ...seen, ...(expected && { updatedAt: { in: [...expected] } }) }
    const [row] = await tx.account.updateManyAndReturn({ where, data: { ...data, updatedAt: now } })
    return row ? present(row) : null
  }

  /** Changes the status and gives the account, or null when it had none of those that it may come from. */
  async function changeStatus(
    tx: Tx,
    id: string,
    { status, from, now }: { status: AccountStatus; from: readonly AccountStatus[]; now: Date },
  ): Promise<Account | null> {
    const [row] = await tx.account.updateManyAndReturn({
      where: { id, status: { in: [...from] } },
      data: {
        status,
        deletedAt: status === 'deleted' ? now : null,
        securityEpoch: { increment: 1 },
        updatedAt: now,
      },
    })
    return row ? present(row) : null
  }

  async function insertTicket(tx: Tx, { now, idHash, ...ticket }: NewTicket): Promise<void> {
    await tx.accountTicket.create({ data: { ...ticket, idHash: new Uint8Array(idHash), createdAt: now } })
  }

  /** The one conditional update that spends a ticket: of any number at once exactly one gets the row. */
  async function redeemTicket(tx: Tx, idHash: Buffer, now: Date): Promise<Redeemed | null> {
    const [row] = await tx.accountTicket.updateManyAndReturn({
      where: { idHash: new Uint8Array(idHash), usedAt: null, expiresAt: { gt: now } },
      data: { usedAt: now },
    })
    return row ? { purpose: purposeOf(row.purpose), accountId: row.accountId } : null
  }

  /** Shows what a ticket is for without spending it: mail scanners open links too. */
  async function findTicket(idHash: Buffer, now: Date): Promise<Redeemed | null> {
    const row = await db.prisma.accountTicket.findFirst({
      where: { idHash: new Uint8Array(idHash), usedAt: null, expiresAt: { gt: now } },
    })
    return row && { purpose: purposeOf(row.purpose), accountId: row.accountId }
  }

  /** Other links of the same kind die with the first that is used, and when a newer one is made. */
  async function voidTickets(
    tx: Tx,
    { purpose, accountId, now }: Pick<NewTicket, 'purpose' | 'accountId' | 'now'>,
  ): Promise<void> {
    await tx.accountTicket.updateMany({
      where: { purpose, accountId, usedAt: null },
      data: { usedAt: now },
    })
  }

  /** Who proved to own the account starts anew, also where guesses of strangers had put the password off. */
  async function forgetFailures(tx: Tx, accountId: string): Promise<void> {
    await tx.rateLimit.deleteMany({ where: { key: limitRow({ name: 'login.account', key: accountId }) } })
  }

  /** Changes of who administers wait for each other here. Gives whom there is. */
  async function lockAdministrators(tx: Tx): Promise<string[]> {
    const rows = await tx.$queryRaw<{ id: string }[]>`SELECT id FROM accounts
      WHERE 'admin' = ANY (roles) AND status = 'active' ORDER BY id FOR UPDATE`
    return rows.map(({ id }) => id)
  }

  const hasAdministrator = async (tx: Tx): Promise<boolean> =>
    (await tx.account.findFirst({ where: { roles: { has: 'admin' } }, select: { id: true } })) !== null

  return {
    findById,
    findByIdentifier,
    list,
    insert,
    update,
    setPassword,
    replaceHash,
    changeStatus,
    insertTicket,
    redeemTicket,
    findTicket,
    voidTickets,
    forgetFailures,
    lockAdministrators,
    hasAdministrator,
  }
}

/** Before every UUID. */
const firstId = '00000000-0000-0000-0000-000000000000'
/** Behind every character, byte by byte. */
const last = '\u{10ffff}'

/** From where to where an address or user name that begins so lies, and the words of a name as they begin. */
function beginnings(search: string): [from: string, to: string, words: string] {
  const from = search.normalize('NFKC').toLowerCase()
  const words = search.normalize('NFKC').match(/[\p{L}\p{N}]+/gu) ?? []
  return [from, from + last, words.map((word) => `${word}:*`).join(' & ')]
}

/** Of accounts as `a`, for an `Account`. */
export const accountColumns = `a.id, a.email, a.email_canonical AS "emailCanonical", a.email_verified_at AS "emailVerifiedAt",
  a.username, a.password_hash IS NOT NULL AS "hasPassword", a.profile, a.roles, a.status, a.system, a.locale,
  a.security_epoch AS "securityEpoch", a.created_at AS "createdAt", a.updated_at AS "updatedAt",
  a.last_seen_at AS "lastSeenAt", a.deleted_at AS "deletedAt"`

const listSql = `SELECT ${accountColumns} FROM accounts a WHERE a.id > $1::uuid ORDER BY a.id LIMIT $2::int`
const statusSql = `SELECT ${accountColumns} FROM accounts a
  WHERE a.status = $3::text AND a.id > $1::uuid ORDER BY a.id LIMIT $2::int`

// Ranges instead of LIKE, whose beginning a plan that was made for every value does not see
export const searchSql = `SELECT ${accountColumns} FROM accounts a
  WHERE a.id > $1::uuid AND ($2::text IS NULL OR a.status = $2) AND a.id IN (
    SELECT id FROM accounts
      WHERE email_canonical COLLATE "C" >= $4::text AND email_canonical COLLATE "C" < $5::text
    UNION SELECT id FROM accounts WHERE username COLLATE "C" >= $4 AND username COLLATE "C" < $5
    UNION SELECT id FROM accounts
      WHERE to_tsvector('simple'::regconfig, coalesce(profile->>'name', '')) @@ to_tsquery('simple'::regconfig, $6::text))
  ORDER BY a.id LIMIT $3::int`

const presented = async (row: Promise<AccountModel | null>): Promise<Account | null> => {
  const found = await row
  return found && present(found)
}

/** Without the hash: what is handed around cannot leak it. */
function present({
  passwordHash,
  profile,
  status,
  deviceNoticeAt: _,
  devicesSince: __,
  vouched: ___,
  ...row
}: AccountModel): Account {
  return {
    ...row,
    hasPassword: passwordHash !== null,
    profile: profile as Profile,
    status: statusOf(status),
  }
}

const statusOf = (text: string): AccountStatus =>
  text === 'active' || text === 'deleted' ? text : 'disabled'

const purposeOf = (text: string): TicketPurpose =>
  text === 'claim' || text === 'restore' ? text : 'set_password'
