// Owns the routes about people: found, made, changed, disabled, deleted, their sessions and roles.
import type { Deletion } from '../features/accounts/deletion-service.ts'
import type { Recovery } from '../features/accounts/recovery-service.ts'
import type { Account } from '../features/accounts/schema.ts'
import type { Accounts } from '../features/accounts/service.ts'
import type { Locks } from '../features/authn/locks.ts'
import type { Assignments } from '../features/teams/assignments-service.ts'
import { AppError } from '../kernel/errors.ts'
import type { Actor } from '../kernel/events.ts'
import { assertHolds, type Permission, scopedActor } from './caller.ts'
import { ById, listRoute, type Route, route } from './route.ts'
import { Accepted, ChangedUser, Deleted, NewUser, presentUser, User, UserFilters } from './users-schema.ts'

export type UserRoutesDeps = {
  accounts: Pick<Accounts, 'list' | 'get' | 'create' | 'update' | 'disable' | 'enable'>
  deletion: Pick<Deletion, 'remove' | 'restore'>
  recovery: Pick<Recovery, 'start'>
  assignments: Pick<Assignments, 'assertMayAssign'>
  locks: Pick<Locks, 'isLocked' | 'get' | 'unlock'>
  /** Where a mail about a new password leads; `?token=` is added. */
  recoveryUrl: string
}

const readAll: Permission = { scope: 'users:read', reach: 'installation' }
const readOne: Permission = { scope: 'users:read', reach: 'account' }
const writeAll: Permission = { scope: 'users:write', reach: 'installation' }
const writeOne: Permission = { scope: 'users:write', reach: 'account' }

const replyOf = ({ account, isLocked }: { account: Account; isLocked: boolean }) => ({
  body: { ...presentUser(account), password_locked: isLocked },
  version: account.updatedAt,
})

const replying =
  ({ locks }: Pick<UserRoutesDeps, 'locks'>) =>
  async (account: Account) =>
    replyOf({ account, isLocked: await locks.isLocked(account.id) })

export function userRoutes(deps: UserRoutesDeps): Route[] {
  return [...peopleRoutes(deps), ...lifeRoutes(deps)]
}

function peopleRoutes({ accounts, assignments, locks }: UserRoutesDeps): Route[] {
  const replyWith = replying({ locks })
  return [
    listRoute({
      path: '/users',
      summary:
        'People, in the order they were made; a search takes how an address, a user name or a name begins.',
      permission: readAll,
      limit: 'api.read',
      query: UserFilters,
      item: User,
      async list({ query }, page) {
        const { data, nextCursor } = await accounts.list({ ...query, ...page })
        return { data: data.map(presentUser), nextCursor }
      },
    }),
    route({
      method: 'POST',
      path: '/users',
      summary: 'Makes an account without a password: its person chooses one by a mailed link.',
      permission: writeAll,
      limit: 'api.write',
      body: NewUser,
      answer: { status: 201, schema: User },
      async handle({ caller, body: { email, username, roles, locale, ...claims } }) {
        // A token that may make people may not make administrators
        if (roles?.length) assertHolds(caller, ['roles:write'])
        await assignments.assertMayAssign(scopedActor(caller), roles ?? [])
        const account = await accounts.create(caller.actor, {
          email,
          ...(username !== undefined && { username }),
          ...(roles && { roles }),
          ...(locale !== undefined && { locale }),
          profile: { ...withoutNulls(claims), ...(locale !== undefined && { locale }) },
        })
        return { ...(await replyWith(account)), location: `/users/${account.id}` }
      },
    }),
    route({
      method: 'GET',
      path: '/users/:id',
      versioned: true,
      summary: 'One person.',
      permission: readOne,
      limit: 'api.read',
      params: ById,
      answer: { status: 200, schema: User },
      handle: async ({ params }) => replyOf(await locks.get(params.id)),
    }),
    route({
      method: 'PATCH',
      path: '/users/:id',
      versioned: true,
      summary: 'Changes claims, user name and language; null takes one off.',
      permission: writeOne,
      limit: 'api.write',
      params: ById,
      body: ChangedUser,
      answer: { status: 200, schema: User },
      async handle({ caller, params, body: { username, locale, ...claims }, expected }) {
        const account = await accounts.update(caller.actor, params.id, {
          // The language is a claim as well, and the one that mails and pages go by.
          profile: { ...claims, ...(locale !== undefined && { locale }) },
          ...(username !== undefined && { username }),
          ...(locale !== undefined && { locale }),
          expected,
        })
        return replyWith(account)
      },
    }),
  ]
}

function lifeRoutes({ accounts, deletion, locks, recovery, recoveryUrl }: UserRoutesDeps): Route[] {
  const replyWith = replying({ locks })
  const turning = (
    path: string,
    summary: string,
    turn: (actor: Actor, id: string) => Promise<Account>,
  ): Route =>
    route({
      method: 'POST',
      path,
      summary,
      permission: writeAll,
      limit: 'api.write',
      params: ById,
      answer: { status: 200, schema: User },
      handle: async ({ caller, params }) => replyWith(await turn(caller.actor, params.id)),
    })

  return [
    turning('/users/:id/disable', 'Disables an account; its sessions and tokens end.', (actor, id) =>
      accounts.disable(actor, id),
    ),
    turning('/users/:id/enable', 'Enables a disabled account.', (actor, id) => accounts.enable(actor, id)),
    turning(
      '/users/:id/unlock',
      'Lets the password count on every device again after too many failures in a row.',
      async (actor, id) => {
        const account = await accounts.get(id)
        await locks.unlock(actor, account.id)
        return account
      },
    ),
    turning('/users/:id/restore', 'Undoes a deletion.', async (actor, id) => {
      await accounts.get(id)
      return deletion.restore(actor, id)
    }),
    route({
      method: 'DELETE',
      path: '/users/:id',
      summary: 'Deletes an account: signed out at once, erased when its time to come back is over.',
      permission: writeAll,
      limit: 'api.write',
      params: ById,
      answer: { status: 202, schema: Deleted },
      async handle({ caller, params: { id }, origin: { requestId, address } }) {
        const { until } = await deletion.remove(caller.actor, id, { requestId, address })
        return { body: { id, status: 'deleted' as const, erased_at: until.toISOString() } }
      },
    }),
    route({
      method: 'POST',
      path: '/users/:id/password-reset',
      summary: 'Mails a code and a link by which the person chooses a new password.',
      permission: writeAll,
      limit: 'api.write',
      params: ById,
      answer: { status: 202, schema: Accepted },
      async handle({ caller, params, origin, language }) {
        const { email, status } = await accounts.get(params.id)
        // RFC 4918 §11.3; its caller may know, since it manages the account
        if (status !== 'active') throw new AppError('conflict', 'account_disabled')
        await recovery.start({ email, origin, language, linkUrl: recoveryUrl, actor: caller.actor })
        return { body: { status: 'accepted' as const } }
      },
    }),
  ]
}

type Given<Claims> = { [Claim in keyof Claims]?: Exclude<Claims[Claim], null | undefined> }

const withoutNulls = <Claims extends object>(claims: Claims): Given<Claims> =>
  Object.fromEntries(Object.entries(claims).filter(([, value]) => value != null)) as Given<Claims>
