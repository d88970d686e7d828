// Owns what becomes of the teams of somebody who goes: no team with members is left without an owner.
import { AppError, conflict } from '../../kernel/errors.ts'
import type { Actor } from '../../kernel/events.ts'
import type { Tx } from '../../platform/postgres.ts'
import type { Audit } from '../audit/service.ts'
import type { MemberStore } from './member-store.ts'
import {
  findSuccessor,
  listLastOwned,
  listOwned,
  lockAccount,
  lockOwned,
  type OwnedTeam,
} from './ownership-store.ts'
import type { TeamStore } from './store.ts'

export type OwnershipDeps = {
  teamStore: Pick<TeamStore, 'remove'>
  memberStore: Pick<MemberStore, 'setRole'>
  audit: Pick<Audit, 'record'>
}

export type Ownership = ReturnType<typeof createOwnership>

const actor: Actor = { kind: 'system' }

export function createOwnership({ teamStore, memberStore, audit }: OwnershipDeps) {
  /** Refuses, naming the teams, while others would be left behind in a team that nobody owns. */
  async function assertHandedOver(tx: Tx, accountId: string): Promise<void> {
    const locked = await lockOwned(tx, accountId)
    await lockAccount(tx, accountId)
    // Made an owner between the two locks: what was locked is not all there is
    const owned = await listOwned(tx, accountId)
    if (owned.some((id) => !locked.includes(id))) throw conflict('account_changed_meanwhile')
    const left = await listLastOwned(tx, accountId)
    if (left.length > 0) throw lastOwner(left)
  }

  /** After the account is gone: the next in line owns what it owned, and a team without members goes too. */
  async function passOn(tx: Tx, teamIds: readonly string[]): Promise<void> {
    for (const teamId of teamIds) {
      const next = await findSuccessor(tx, teamId)
      if (!next) {
        await teamStore.remove(tx, teamId)
        await audit.record(tx, { type: 'team.deleted', actor, details: { team: teamId } })
      } else if (next.role !== 'owner') {
        const { accountId, role } = next
        await memberStore.setRole(tx, { teamId, accountId }, 'owner')
        const details = { team: teamId, from: role }
        await audit.record(tx, { type: 'team.owner_succeeded', actor, accountId, details })
      }
    }
  }

  return { assertHandedOver, lockOwned, passOn }
}

const lastOwner = (teams: OwnedTeam[]): AppError =>
  new AppError('conflict', 'last_owner', {
    details: {
      teams: teams.map(({ name }) => name),
      errors: teams.map(({ id, name }) => ({ pointer: `/teams/${id}`, code: 'last_owner', detail: name })),
    },
  })
