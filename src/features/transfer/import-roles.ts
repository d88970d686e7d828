// Owns how roles that are not built in come in from a file: of the installation, or of a team that is there.
import { isDeepStrictEqual } from 'node:util'
import type { Actor } from '../../kernel/events.ts'
import type { Clock } from '../../kernel/time.ts'
import type { Tx } from '../../platform/postgres.ts'
import type { Audit } from '../audit/service.ts'
import type { TeamBulkStore } from '../teams/bulk-store.ts'
import { readRoleName, readRoleSet } from '../teams/own-roles-policy.ts'
import { instanceHome, type RoleBulkStore, type RoleRow } from '../teams/role-bulk-store.ts'
import { type Outcome, outcomesOf, type Plan, reasonOf, refused, rowsOf, standsOrDiffers } from './outcome.ts'
import type { RoleRecord } from './schema.ts'

export type RoleImportDeps = {
  store: Pick<RoleBulkStore, 'findAny' | 'insertAll'>
  teams: Pick<TeamBulkStore, 'findAny' | 'lockAll'>
  audit: Pick<Audit, 'recordAll'>
  clock: Clock
}

type Row = RoleRow & { id: string }

const idOf = ({ home, name }: Pick<RoleRow, 'home' | 'name'>): string => `${home} ${name}`

export function createRoleImport({ store, teams, audit, clock }: RoleImportDeps) {
  /** Changes of a team's roles wait for changes of its members, and the other way round. */
  async function findTeams(tx: Tx, records: readonly RoleRecord[]): Promise<Map<string, string>> {
    const found = await teams.findAny(tx, { ids: [], slugs: records.flatMap(({ team }) => team ?? []) })
    await teams.lockAll(
      tx,
      found.map(({ id }) => id),
    )
    return new Map(found.map(({ id, slug }) => [slug, id]))
  }

  return async (tx: Tx, actor: Actor, records: readonly RoleRecord[]): Promise<Outcome[]> => {
    const teamIds = await findTeams(tx, records)
    const rows = records.map((record) => rowFor(record, { teamIds, now: clock.now() }))
    const there = await store.findAny(tx, rowsOf(rows))
    const byId = new Map(there.map((role) => [idOf(role), role]))
    const plans = rows.map((plan) => ('row' in plan ? against(plan.row, byId.get(plan.row.id)) : plan))
    const made = rowsOf(plans).map(({ id: _, ...role }) => role)
    const inserted = new Set((await store.insertAll(tx, made)).map(idOf))
    await audit.recordAll(
      tx,
      made
        .filter((role) => inserted.has(idOf(role)))
        .map(({ name, permissions, teamId }) => ({
          type: 'role.defined',
          actor,
          details: { role: name, permissions, ...(teamId !== null && { team: teamId }) },
        })),
    )
    return outcomesOf(plans, inserted)
  }
}

type Around = { teamIds: ReadonlyMap<string, string>; now: Date }

function rowFor(record: RoleRecord, { teamIds, now }: Around): Plan<Row> {
  const { team, created_at: createdAt = now, updated_at: updatedAt = createdAt } = record
  const teamId = team === undefined ? null : teamIds.get(team)
  if (teamId === undefined) return refused('/team: there is no such team')
  try {
    const name = readRoleName(record.name, teamId === null ? 'installation' : 'team')
    const { permissions = [], description = null } = readRoleSet(record)
    const home = teamId ?? instanceHome
    return {
      row: { id: idOf({ home, name }), home, name, teamId, permissions, description, createdAt, updatedAt },
    }
  } catch (error) {
    return refused(reasonOf(error))
  }
}

/** When it was made or changed is nothing that a line is held to. */
function against(row: Row, same: RoleRow | undefined): Plan<Row> {
  if (!same) return { row }
  const differing = (['description', 'permissions'] as const).filter(
    (member) => !isDeepStrictEqual(row[member], same[member]),
  )
  return standsOrDiffers('a role with this name', differing)
}
