// Owns accounts: made, found, disabled, their passwords set.
// Whether somebody is signed in is features/authn; one-time links are tickets.ts.
import {
  type AppError,
  conflict,
  type FieldError,
  invalidInput,
  notFound,
  preconditionFailed,
  refusedPassword,
} from '../../kernel/errors.ts'
import type { Actor, EventType } from '../../kernel/events.ts'
import { type Page, type PageOptions, pageOf, readPage } from '../../kernel/pages.ts'
import { isId, newId } from '../../kernel/secrets.ts'
import type { Clock } from '../../kernel/time.ts'
import { nextVersion } from '../../kernel/versions.ts'
import type { Passwords } from '../../platform/passwords.ts'
import { type Db, isUniqueViolation, type Tx } from '../../platform/postgres.ts'
import type { Audit } from '../audit/service.ts'
import { type Email, parseEmail } from './email.ts'
import type { PasswordCheck } from './password-policy.ts'
import {
  type Account,
  type AccountSearch,
  type AccountStatus,
  type ChangeAccount,
  type CreateAccount,
  isRoleName,
  type Profile,
  parseUsername,
} from './schema.ts'
import type { AccountStore, NewAccount, Seen } from './store.ts'

export type AccountsDeps = {
  db: Pick<Db, 'inTransaction'>
  store: AccountStore
  passwords: Pick<Passwords, 'hash'>
  policy: PasswordCheck
  clock: Clock
  audit: Pick<Audit, 'record'>
  /** Ends every session and token of an account. */
  endAll: (tx: Tx, accountId: string) => Promise<void>
}

export type Accounts = ReturnType<typeof createAccounts>

const longestSearch = 100

export function createAccounts({ db, store, passwords, policy, clock, audit, endAll }: AccountsDeps) {
  const findById = async (id: string): Promise<Account | null> => (isId(id) ? store.findById(id) : null)

  async function get(id: string): Promise<Account> {
    const account = await findById(id)
    if (!account) throw notFound('account_not_found')
    return account
  }

  /** Disabled people are as unknown as those who never were. */
  async function getActive(id: string): Promise<Account> {
    const account = await get(id)
    if (account.status !== 'active') throw notFound('account_not_found')
    return account
  }

  const findByIdentifier = (text: string): Promise<Account | null> =>
    store.findByIdentifier(identifierOf(text))

  /** A page of those that the search finds: by how an address, a user name or the words of a name begin. */
  async function list({ search, status, ...options }: ListOptions = {}): Promise<Page<Account>> {
    const page = readPage(options)
    const wanted = search?.trim().slice(0, longestSearch)
    const rows = await store.list({ ...page, ...(wanted && { search: wanted }), status })
    return pageOf(rows, page, ({ id }) => id)
  }

  /** Everything an account row needs, its password hashed; done before the transaction, since hashing takes long. */
  async function prepare(input: CreateAccount): Promise<NewAccount> {
    const { email, username } = readNames(input)
    const name = input.name ?? input.profile?.name
    const person = { email: email.canonical, username, ...(name !== undefined && { name }) }
    if (input.password !== undefined) assertAccepted(await policy(input.password, person))
    const now = clock.now()
    return {
      id: newId(now),
      email: email.address,
      emailCanonical: email.canonical,
      emailVerifiedAt: input.emailVerified ? now : null,
      username,
      passwordHash: input.password === undefined ? null : await passwords.hash(input.password),
      profile: { ...input.profile, ...(input.name === undefined ? {} : { name: input.name }) },
      roles: input.roles ?? [],
      ...(input.system && { system: true }),
      ...(input.vouched && { vouched: true }),
      ...(input.locale !== undefined && { locale: input.locale }),
      now,
    }
  }

  async function insertIn(tx: Tx, actor: Actor, prepared: NewAccount): Promise<Account> {
    const account = await store.insert(tx, prepared)
    await audit.record(tx, {
      type: 'account.created',
      actor,
      accountId: account.id,
      details: { roles: account.roles },
    })
    return account
  }

  async function create(actor: Actor, input: CreateAccount): Promise<Account> {
    const prepared = await prepare(input)
    try {
      return await db.inTransaction((tx) => insertIn(tx, actor, prepared))
    } catch (cause) {
      if (isUniqueViolation(cause)) throw await takenBy(prepared, cause)
      throw cause
    }
  }

  async function takenBy({ emailCanonical }: NewAccount, cause: unknown): Promise<AppError> {
    const same = await store.findByIdentifier({ emailCanonical, username: null })
    return conflict(same ? 'email_taken' : 'username_taken', cause)
  }

  /** Checked and hashed outside the transaction that will use it. */
  async function hashNew(
    { emailCanonical: email, username, name }: PasswordHolder,
    password: string,
  ): Promise<string> {
    assertAccepted(await policy(password, { email, username, name }))
    return passwords.hash(password)
  }

  /** Everybody who was signed in with the old password is signed out, tokens included. */
  async function setPasswordIn(
    tx: Tx,
    actor: Actor,
    { accountId, passwordHash }: { accountId: string; passwordHash: string },
  ): Promise<Account> {
    const now = clock.now()
    const account = await store.setPassword(tx, accountId, { passwordHash, now })
    if (!account) throw notFound('account_not_found')
    await endAll(tx, accountId)
    await store.voidTickets(tx, { purpose: 'set_password', accountId, now })
    await store.forgetFailures(tx, accountId)
    await audit.record(tx, { type: 'account.password_set', actor, accountId })
    return account
  }

  async function setPassword(actor: Actor, id: string, password: string): Promise<Account> {
    const passwordHash = await hashNew(holderOf(await get(id)), password)
    return db.inTransaction((tx) => setPasswordIn(tx, actor, { accountId: id, passwordHash }))
  }

  /** After a sign-in with a hash of older parameters: same password, so nobody is signed out. */
  async function upgradeHash(id: string, { password, from }: { password: string; from: string }) {
    await store.replaceHash(id, { from, to: await passwords.hash(password) })
  }

  /**
   * Profile, user name, language. Nobody is signed out by it. `seen` is the account as it was when its person was
   * recognised: whoever lost it meanwhile changes nothing.
   */
  async function update(
    actor: Actor,
    id: string,
    { expected, ...change }: ChangeAccount & { expected?: readonly Date[] | undefined },
    seen: Omit<Seen, 'id'> = {},
  ): Promise<Account> {
    const before = await get(id)
    const username = readUsername(change.username)
    const profile = change.profile && mergeProfile(before.profile, change.profile)
    const { locale } = change
    const changed = {
      ...(username !== undefined && { username }),
      ...(profile && { profile }),
      ...(locale !== undefined && { locale }),
    }
    try {
      return await db.inTransaction(async (tx) => {
        const { securityEpoch = before.securityEpoch } = seen
        const changes = { ...changed, expected, now: nextVersion(before.updatedAt, clock.now()) }
        const account = await store.update(tx, { id, securityEpoch }, changes)
        if (!account) throw expected ? preconditionFailed() : conflict('account_changed_meanwhile')
        const details = { fields: [...Object.keys(changed)] }
        await audit.record(tx, { type: 'account.updated', actor, accountId: id, details })
        return account
      })
    } catch (cause) {
      if (isUniqueViolation(cause)) throw conflict('username_taken', cause)
      throw cause
    }
  }

  /** A deleted account is restored, never enabled: whoever deleted it decides. */
  async function changeStatus(actor: Actor, id: string, status: 'active' | 'disabled'): Promise<Account> {
    const before = await get(id)
    const from: AccountStatus = status === 'active' ? 'disabled' : 'active'
    return db.inTransaction(async (tx) => {
      const now = nextVersion(before.updatedAt, clock.now())
      const administrators = status === 'disabled' ? await store.lockAdministrators(tx) : []
      if (administrators.length === 1 && administrators[0] === id) throw conflict('last_administrator')
      const changed = await store.changeStatus(tx, id, { status, from: [from], now })
      if (!changed) return before
      await endAll(tx, id)
      await store.voidTickets(tx, { purpose: 'set_password', accountId: id, now })
      await audit.record(tx, { type: statusEvents[status], actor, accountId: id })
      return changed
    })
  }

  return {
    findById,
    get,
    getActive,
    findByIdentifier,
    list,
    create,
    prepare,
    insertIn,
    hashNew,
    setPassword,
    setPasswordIn,
    upgradeHash,
    update,
    disable: (actor: Actor, id: string) => changeStatus(actor, id, 'disabled'),
    enable: (actor: Actor, id: string) => changeStatus(actor, id, 'active'),
  }
}

/** Whose password it is, as far as it must not tell of them. */
export type PasswordHolder = Pick<Account, 'emailCanonical' | 'username'> & { name: string | null }

export const holderOf = ({ emailCanonical, username, profile }: Account): PasswordHolder => ({
  emailCanonical,
  username,
  name: profile.name ?? null,
})

export type ListOptions = AccountSearch & PageOptions

const statusEvents = {
  active: 'account.enabled',
  disabled: 'account.disabled',
} as const satisfies Record<Exclude<AccountStatus, 'deleted'>, EventType>

/** A new number has to be proved anew; what is null goes. */
function mergeProfile(before: Profile, change: NonNullable<ChangeAccount['profile']>): Profile {
  const given = Object.entries(change).filter(([, value]) => value !== undefined)
  const kept = Object.entries(before).filter(([claim]) => !given.some(([name]) => name === claim))
  const phoneStays = !('phone_number' in change) || change.phone_number === before.phone_number
  return Object.fromEntries([
    ...kept.filter(([claim]) => claim !== 'phone_number_verified' || phoneStays),
    ...given.filter(([, value]) => value !== null),
  ])
}

function readUsername(text: string | null | undefined): string | null | undefined {
  if (text === undefined || text === null) return text
  const username = parseUsername(text)
  if (username === null) throw invalidInput([badUsername])
  return username
}

/** What somebody typed to say who they are: an address, a user name, or neither. */
export function identifierOf(text: string): { emailCanonical: string | null; username: string | null } {
  const email = parseEmail(text)
  return { emailCanonical: email?.canonical ?? null, username: email ? null : parseUsername(text) }
}

const badUsername: FieldError = {
  pointer: '/username',
  code: 'username_invalid',
  detail: 'Use 2 to 32 letters, digits, dots, hyphens and underscores, beginning with a letter or digit.',
}

const systemHasPassword: FieldError = {
  pointer: '/password',
  code: 'invalid',
  detail: 'Nobody signs in to a system account: leave the password out.',
}

/** The policy stops at the first rule that a password breaks. */
function assertAccepted([refusal]: FieldError[]): void {
  if (refusal) throw refusedPassword(refusal)
}

function readNames(input: CreateAccount): { email: Email; username: string | null } {
  const email = parseEmail(input.email)
  const username = input.username === undefined ? null : parseUsername(input.username)
  const errors: FieldError[] = []
  if (!email)
    errors.push({ pointer: '/email', code: 'email_invalid', detail: 'Give one plain email address.' })
  if (input.username !== undefined && username === null) {
    errors.push(badUsername)
  }
  if (input.system && input.password !== undefined) errors.push(systemHasPassword)
  if (!(input.roles ?? []).every(isRoleName)) {
    errors.push({ pointer: '/roles', code: 'role_invalid', detail: 'Name roles in lower case, as in admin.' })
  }
  if (!email || errors.length > 0) throw invalidInput(errors)
  return { email, username }
}
