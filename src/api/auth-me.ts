// Owns what a signed-in person does with their own account through the JSON door: profile, password, sessions.
import type Koa from 'koa'
import { type Claims, claimsOf } from '../features/accounts/claims.ts'
import type { PasswordChange } from '../features/accounts/password-service.ts'
import type { Accounts } from '../features/accounts/service.ts'
import type { Artifacts } from '../features/artifacts/service.ts'
import type { Sessions } from '../features/sessions/service.ts'
import { AppError, invalidCredentials } from '../kernel/errors.ts'
import { parse, readJson } from '../web/input.ts'
import { aboutNewPassword, blocked, type DoorContext, originOf, type Person } from './auth-context.ts'
import { ChangeMe, ChangePassword } from './auth-schema.ts'

export type MeRoutesDeps = {
  door: DoorContext
  sessions: Pick<Sessions, 'listFor' | 'end' | 'endOthers'>
  passwordChange: Pick<PasswordChange, 'changePassword'>
  accounts: Pick<Accounts, 'update'>
  artifacts: Pick<Artifacts, 'accountOf'>
}

export function createMeRoutes({ door, sessions, passwordChange, accounts, artifacts }: MeRoutesDeps) {
  async function show(ctx: Koa.Context): Promise<void> {
    const { claims, account } = await door.person(ctx)
    ctx.body = presentPerson(claims, account)
  }

  async function update(ctx: Koa.Context): Promise<void> {
    const { accountId, account: before } = await door.person(ctx)
    const {
      preferred_username,
      username = preferred_username,
      locale,
      ...claims
    } = parse(ChangeMe, await readJson(ctx))
    const change = {
      // The language is a claim as well, and the one that mails and pages go by.
      profile: { ...claims, ...(locale !== undefined && { locale }) },
      ...(username !== undefined && { username }),
      ...(locale !== undefined && { locale }),
    }
    const seen = { securityEpoch: before.security_epoch }
    await accounts.update({ kind: 'account', id: accountId }, accountId, change, seen)
    const account = await artifacts.accountOf(accountId)
    if (!account) throw new AppError('unauthenticated', 'unauthenticated')
    ctx.body = presentPerson(claimsOf(account), account)
  }

  async function changePassword(ctx: Koa.Context): Promise<void> {
    const { accountId, sessionUid } = await door.person(ctx)
    const body = parse(ChangePassword, await readJson(ctx))
    const change = passwordChange.changePassword(
      accountId,
      { current: body.current_password, next: body.new_password },
      { origin: originOf(ctx), keepSessionUid: sessionUid },
    )
    const changed = await aboutNewPassword(change)
    if (changed.outcome === 'blocked') throw blocked(changed)
    if (changed.outcome === 'wrong') throw invalidCredentials()
    ctx.body = { status: 'password_changed' }
  }

  async function listSessions(ctx: Koa.Context): Promise<void> {
    const { accountId, sessionUid } = await door.person(ctx)
    const rows = await sessions.listFor(accountId, sessionUid)
    ctx.body = {
      data: rows.map(({ id, device, address, created_at, last_seen_at, current }) => ({
        id,
        device,
        address,
        created_at,
        last_seen_at,
        current,
      })),
    }
  }

  async function endSession(ctx: Koa.Context): Promise<void> {
    const { accountId } = await door.person(ctx)
    const { requestId, address } = ctx.state
    await sessions.end(accountId, String(ctx.params.id), { requestId, address })
    ctx.status = 204
  }

  async function endOtherSessions(ctx: Koa.Context): Promise<void> {
    const { accountId, sessionUid } = await door.person(ctx)
    const { requestId, address } = ctx.state
    await sessions.endOthers(accountId, sessionUid, { requestId, address })
    ctx.status = 204
  }

  return { show, update, changePassword, listSessions, endSession, endOtherSessions }
}

/** Every claim there is, under its standard name, and what the contract names even where there is no value. */
function presentPerson(claims: Claims, account: Person['account']) {
  const { sub: _, teams: __, ...rest } = claims
  return {
    id: account.id,
    name: null,
    ...rest,
    username: account.username,
    teams: (account.teams ?? []).map(({ id, slug, name, role }) => ({ id, slug, name, role })),
  }
}
