// Owns the commands about people and teams.
import { type Account, CreateAccount } from '../features/accounts/schema.ts'
import type { TeamRole } from '../features/teams/policy.ts'
import { notFound } from '../kernel/errors.ts'
import type { Actor } from '../kernel/events.ts'
import { parse } from '../web/input.ts'
import type { Output } from './output.ts'
import type { CliServices } from './services.ts'

export type AccountCommands = {
  services: Pick<CliServices, 'accounts' | 'tickets' | 'assignments' | 'teams' | 'members'>
  output: Output
  issuer: string
}

const operator: Actor = { kind: 'operator' }

export type CreateUser = { name?: string; role?: string[]; password?: string }

export async function createUser(
  { services, output, issuer }: AccountCommands,
  email: string,
  { name, role, password }: CreateUser,
): Promise<void> {
  const roles = role ?? []
  const account = await services.accounts.create(
    operator,
    parse(CreateAccount, { email, name, roles, password, vouched: password !== undefined }),
  )
  if (password !== undefined) {
    output.data(present(account), account.id)
    output.say(`${account.email} can sign in now.`)
    return
  }
  const link = await passwordLink(services, issuer, account.id)
  output.data({ ...present(account), link: link.url, link_expires_at: link.expiresAt }, link.url)
  output.say(`${account.email} sets a password there, once, until ${link.expiresAt}.`)
}

export async function setPassword(
  { services, output, issuer }: AccountCommands,
  who: string,
  password: string | undefined,
): Promise<void> {
  const account = await resolve(services, who)
  if (password !== undefined) {
    await services.accounts.setPassword(operator, account.id, password)
    output.data({ id: account.id }, account.id)
    output.say(`The password of ${account.email} is set; every session has ended.`)
    return
  }
  const link = await passwordLink(services, issuer, account.id)
  output.data({ id: account.id, link: link.url, link_expires_at: link.expiresAt }, link.url)
  output.say(`${account.email} sets a new password there, once, until ${link.expiresAt}.`)
}

export async function listUsers({ services, output }: AccountCommands): Promise<void> {
  const accounts: Account[] = []
  let cursor: string | undefined
  do {
    const page = await services.accounts.list({ cursor, limit: 100 })
    accounts.push(...page.data)
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
  output.rows(accounts.map(present))
}

export async function changeStatus(
  { services, output }: AccountCommands,
  who: string,
  status: 'active' | 'disabled',
): Promise<void> {
  const { id } = await resolve(services, who)
  const account =
    status === 'disabled'
      ? await services.accounts.disable(operator, id)
      : await services.accounts.enable(operator, id)
  output.data(present(account), account.id)
  output.say(
    status === 'disabled'
      ? `${account.email} is disabled; every session and token has ended.`
      : `${account.email} may sign in again.`,
  )
}

/** Of the whole installation. One that is there already stays; the last administrator too. */
export async function changeRole(
  { services, output }: AccountCommands,
  { who, role, deed }: { who: string; role: string; deed: 'assign' | 'unassign' },
): Promise<void> {
  const { id: accountId, email } = await resolve(services, who)
  const roles = await services.assignments[deed](operator, { accountId, role })
  output.data({ id: accountId, roles }, roles.join(' '))
  output.say(`${email} ${deed === 'assign' ? 'has' : 'no longer has'} the role ${role}.`)
}

export async function createTeam(
  { services, output }: AccountCommands,
  slug: string,
  name: string | undefined,
): Promise<void> {
  const team = await services.teams.create(operator, { slug, name: name ?? slug })
  output.data({ id: team.id, slug: team.slug, name: team.name }, team.id)
  output.say(`The team ${team.slug} is made.`)
}

export async function addTeamMember(
  { services, output }: AccountCommands,
  { slug, who, role }: { slug: string; who: string; role: TeamRole },
): Promise<void> {
  const team = await services.teams.getBySlug(slug)
  const account = await resolve(services, who)
  await services.members.add(operator, { teamId: team.id, accountId: account.id, role })
  output.data({ team: team.slug, user_id: account.id, role }, account.id)
  output.say(`${account.email} is ${role} of ${team.slug}.`)
}

async function passwordLink(services: AccountCommands['services'], issuer: string, accountId: string) {
  const { token, expiresAt } = await services.tickets.issueTicket({ purpose: 'set_password', accountId })
  return { url: `${issuer}/setup?token=${token}`, expiresAt: expiresAt.toISOString() }
}

/** By id, address or user name. */
async function resolve({ accounts }: AccountCommands['services'], who: string): Promise<Account> {
  const account = await accounts.findByIdentifier(who)
  if (account) return account
  if (!/^[0-9a-f-]{36}$/.test(who)) throw notFound('account_not_found')
  return accounts.get(who)
}

const present = (account: Account) => ({
  id: account.id,
  email: account.email,
  name: account.profile.name ?? null,
  username: account.username,
  roles: account.roles,
  status: account.status,
  email_verified: account.emailVerifiedAt !== null,
  created_at: account.createdAt.toISOString(),
})
