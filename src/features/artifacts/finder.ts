// Owns how artifacts are found: through the unit of work first, then by one statement that brings along
// what oidc-provider will ask for next.
import { hashSecret, sameHash } from '../../kernel/secrets.ts'
import { after, type Clock, days } from '../../kernel/time.ts'
import type { Db } from '../../platform/postgres.ts'
import { openInteraction } from './interaction.ts'
import type { Kind, Payload } from './kinds.ts'
import { isToken } from './kinds.ts'
import type {
  AccountSnapshot,
  FindTokens,
  GrantJson,
  InteractionFound,
  SessionMembers,
  TokenFound,
} from './reads.ts'
import { claimReplay, findAccount, findGrant, findInteraction, findSession } from './reads.ts'
import type { Outage } from './refresh.ts'
import { useOf } from './refresh.ts'
import type { Unit } from './unit-of-work.ts'
import { currentUnit, note, rowOf } from './unit-of-work.ts'

export type FinderDeps = {
  db: Db
  findTokens: FindTokens
  clock: Clock
  sealer: { open(sealed: Uint8Array, aad: string): Buffer }
  lastOutage: () => Outage | undefined
}

function sessionPayload(row: SessionMembers): Payload {
  return {
    ...row.payload,
    uid: row.uid,
    authorizations: row.authorizations,
    ...(row.account_id && { accountId: row.account_id }),
  }
}

function rememberGrant(unit: Unit, grant: GrantJson | null): void {
  if (grant) note(unit, { kind: 'Grant', id: grant.id, payload: { ...grant.payload, jti: grant.id } })
}

function rememberAccount(unit: Unit, account: AccountSnapshot | null): void {
  if (account) unit.accounts.set(account.id, account)
}

function rememberToken(unit: Unit, id: string, found: TokenFound): void {
  const { grantId, sessionUid } = found.payload
  if (grantId !== undefined) note(unit, { kind: 'Grant', id: grantId, payload: undefined })
  rememberGrant(unit, found.grant)
  rememberAccount(unit, found.account)
  if (sessionUid !== undefined) {
    const payload = found.session ? sessionPayload(found.session) : undefined
    note(unit, { kind: 'SessionUid', id: sessionUid, payload })
  }
  const consumed = found.consumed_at && { consumed: Math.floor(found.consumed_at.getTime() / 1000) }
  note(unit, { kind: found.kind, id, payload: { ...found.payload, jti: id, ...consumed } })
}

/**
 * An interaction belongs to the browser that began it. Its own cookies could be planted by a neighbour of our host,
 * who would then be signed in by somebody else's password; the browser's cookie cannot (`__Host-`).
 */
function isOfBrowser({ browser_hash: begunBy }: InteractionFound, { origin }: Unit): boolean {
  return begunBy !== null && origin.browserHash !== undefined && sameHash(begunBy, origin.browserHash)
}

export function createFinder({ db, findTokens, clock, sealer, lastOutage }: FinderDeps) {
  /** Notes what the presented refresh token would be used for, should the request redeem it. */
  function present(unit: Unit, id: string, found: TokenFound): void {
    const use = useOf(
      {
        consumedAt: found.consumed_at,
        hasChild: found.has_child ?? false,
        childConsumed: found.child_consumed ?? false,
        graceSeconds: found.grace_seconds ?? 0,
      },
      clock.now(),
      lastOutage(),
    )
    delete unit.presented
    if (use === 'reuse' || !found.family_id || found.payload.grantId === undefined) return
    unit.presented = {
      id,
      hash: hashSecret(id),
      familyId: found.family_id,
      generation: found.generation ?? 0,
      grantId: found.payload.grantId,
      use,
    }
  }

  async function loadTokens(unit: Unit, id: string, kinds: Set<string>): Promise<void> {
    const rows = await findTokens({ hash: hashSecret(id), kinds: [...kinds], now: clock.now() })
    for (const kind of kinds) note(unit, { kind, id, payload: undefined })
    for (const found of rows) {
      rememberToken(unit, id, found)
      if (found.kind === 'RefreshToken') present(unit, id, found)
    }
  }

  /** Finds of one tick for the same value share a statement: introspection asks for three kinds at once. */
  async function findToken(unit: Unit, kind: string, id: string): Promise<Payload | undefined> {
    const known = rowOf(unit, kind, id)
    if (known) return known.payload

    const pending = unit.pending.get(id)
    if (pending) {
      pending.kinds.add(kind)
      await pending.done
      return rowOf(unit, kind, id)?.payload
    }
    const kinds = new Set([kind])
    const done = Promise.resolve().then(() => {
      unit.pending.delete(id)
      return loadTokens(unit, id, kinds)
    })
    unit.pending.set(id, { kinds, done })
    await done
    return rowOf(unit, kind, id)?.payload
  }

  async function findSessionBy(
    unit: Unit,
    by: { id: string } | { uid: string },
  ): Promise<Payload | undefined> {
    const [kind, id] = 'id' in by ? ['Session', by.id] : ['SessionUid', by.uid]
    const known = rowOf(unit, kind, id)
    if (known) return known.payload

    const row = await findSession(db, 'id' in by ? { hash: hashSecret(by.id) } : by, clock.now())
    if (!row) return note(unit, { kind, id, payload: undefined }).payload

    rememberAccount(unit, row.account)
    for (const grant of row.grants ?? []) rememberGrant(unit, grant)
    unit.sessions.set(row.uid, row)
    const payload = sessionPayload(row)
    const byUid = note(unit, { kind: 'SessionUid', id: row.uid, payload })
    return ('id' in by ? note(unit, { kind, id, payload: { ...payload, jti: id } }) : byUid).payload
  }

  async function findGrantById(unit: Unit, id: string): Promise<Payload | undefined> {
    const known = rowOf(unit, 'Grant', id)
    if (known) return known.payload
    const row = await findGrant(db, id)
    if (row) rememberAccount(unit, row.account)
    return note(unit, { kind: 'Grant', id, payload: row && { ...row.payload, jti: id } }).payload
  }

  /** Makes an interaction that some statement brought along known to the request. */
  function rememberInteraction(uid: string, found: InteractionFound | undefined): void {
    const unit = currentUnit()
    const alive = found && !found.finished_at && found.expires_at > clock.now() && isOfBrowser(found, unit)
    const payload = alive ? openInteraction(sealer, uid, found.sealed) : undefined
    note(unit, { kind: 'Interaction', id: uid, payload })
    if (!found) return
    rememberAccount(unit, found.account)
    rememberGrant(unit, found.grant)
    unit.attempts.set(uid, found.attempt)
  }

  async function findInteractionByUid(unit: Unit, uid: string): Promise<Payload | undefined> {
    if (!rowOf(unit, 'Interaction', uid))
      rememberInteraction(uid, await findInteraction(db, hashSecret(uid), clock.now()))
    return rowOf(unit, 'Interaction', uid)?.payload
  }

  async function find(kind: Kind, id: string): Promise<Payload | undefined> {
    const unit = currentUnit()
    if (isToken(kind)) return findToken(unit, kind, id)
    switch (kind) {
      case 'Session':
        return findSessionBy(unit, { id })
      case 'Grant':
        return findGrantById(unit, id)
      case 'Interaction':
        return findInteractionByUid(unit, id)
      case 'ReplayDetection':
        // The true expiry is saved right after
        return claimReplay(db, hashSecret(id), { now: clock.now(), until: after(clock.now(), days(1)) })
      default:
        throw new Error(`artifacts do not keep ${kind}`)
    }
  }

  /** The account behind a session, grant or token of this request, or read for it. */
  async function accountOf(accountId: string): Promise<AccountSnapshot | undefined> {
    const unit = currentUnit()
    if (!unit.accounts.has(accountId)) unit.accounts.set(accountId, await findAccount(db, accountId))
    return unit.accounts.get(accountId)
  }

  return {
    find,
    findSessionByUid: (uid: string) => findSessionBy(currentUnit(), { uid }),
    accountOf,
    rememberInteraction,
  }
}
