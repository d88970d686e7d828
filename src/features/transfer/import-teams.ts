// Owns how teams come in from a file, with the members their line names. A line is taken as a whole or not at all.
import type { Actor } from '../../kernel/events.ts'
import { newId } from '../../kernel/secrets.ts'
import type { Clock } from '../../kernel/time.ts'
import type { Tx } from '../../platform/postgres.ts'
import type { Audit } from '../audit/service.ts'
import type { TeamBulkStore } from '../teams/bulk-store.ts'
import type { NewMember } from '../teams/member-store.ts'
import type { Team } from '../teams/schema.ts'
import { readTexts } from '../teams/texts-policy.ts'
import type { Joining, MemberImport } from './import-members.ts'
import { type Outcome, outcomesOf, type Plan, reasonOf, refused, rowsOf, standsOrDiffers } from './outcome.ts'
import type { TeamRecord } from './schema.ts'

export type TeamImportDeps = {
  store: Pick<TeamBulkStore, 'findAny' | 'insertAll'>
  members: Pick<MemberImport, 'plan' | 'join'>
  audit: Pick<Audit, 'recordAll'>
  clock: Clock
}

/** A team and those who are to be in it. */
type Filled = Team & { joining: NewMember[] }

export function createTeamImport({ store, members, audit, clock }: TeamImportDeps) {
  return async (tx: Tx, actor: Actor, records: readonly TeamRecord[]): Promise<Outcome[]> => {
    const there = await store.findAny(tx, {
      ids: records.flatMap(({ id }) => id ?? []),
      slugs: records.map(({ slug }) => slug),
    })
    const now = clock.now()
    const teams = records.map((record) => ({ record, plan: planFor(record, there, now) }))
    const joining = await planMembers(tx, teams)
    const plans = teams.map((team, index) => withMembers(team.plan, joining[index] ?? []))
    const filled = rowsOf(plans)
    const inserted = await store.insertAll(
      tx,
      filled.map(({ joining: _, ...team }) => team),
    )
    const made = filled.filter(({ id }) => inserted.has(id))
    await audit.recordAll(
      tx,
      made.map(({ id }) => ({ type: 'team.created', actor, details: { team: id } })),
    )
    await members.join(
      tx,
      actor,
      made.flatMap((team) => team.joining),
    )
    return outcomesOf(plans, inserted)
  }

  /** Of all lines in one go; then each line has its own again. */
  async function planMembers(tx: Tx, teams: readonly Planned[]): Promise<Plan<NewMember>[][]> {
    const joinings = teams.map(({ record, plan }): Joining[] =>
      (record.members ?? []).map((member) => ({ ...member, teamId: plan.id })),
    )
    const plans = await members.plan(tx, joinings.flat())
    let from = 0
    return joinings.map(({ length }) => {
      from += length
      return plans.slice(from - length, from)
    })
  }
}

/** The id is that of the team which is there, or of the one to be made. */
type TeamPlan = Plan<Team> & { id: string | undefined }
type Planned = { record: TeamRecord; plan: TeamPlan }

function planFor(record: TeamRecord, there: readonly Team[], now: Date): TeamPlan {
  const { id, slug, created_at: createdAt } = record
  const same = there.find((team) => team.slug === slug)
  if (same) return { ...standsOrDiffers('a team with this slug', differences(record, same)), id: same.id }
  if (there.some((team) => team.id === id))
    return { ...refused('/id: belongs to another team'), id: undefined }
  try {
    const { name, description } = readTexts({ slug, name: record.name, description: record.description })
    const made = {
      id: id ?? newId(createdAt ?? now),
      slug,
      name,
      createdAt: createdAt ?? now,
      updatedAt: record.updated_at ?? now,
    }
    return { row: { ...made, description: description ?? null }, id: made.id }
  } catch (error) {
    return { ...refused(reasonOf(error)), id: undefined }
  }
}

function withMembers(team: TeamPlan, joining: readonly Plan<NewMember>[]): Plan<Filled> {
  if (!('row' in team) && team.outcome !== 'unchanged') return team
  const reasons = joining.flatMap((member, index) =>
    'row' in member || member.outcome === 'unchanged' ? [] : [`/members/${index}${member.outcome.refused}`],
  )
  if (reasons.length > 0) return refused(reasons.join('; '))
  const rows = rowsOf(joining)
  if ('row' in team) return { row: { ...team.row, joining: rows } }
  return standsOrDiffers('a team with this slug', rows.length > 0 ? ['members'] : [])
}

function differences({ id, name, description, created_at: createdAt }: TeamRecord, team: Team): string[] {
  const checks: [string, boolean][] = [
    ['id', id !== undefined && id !== team.id],
    ['name', name.trim() !== team.name],
    ['description', description !== undefined && description.trim() !== (team.description ?? '')],
    ['created_at', createdAt !== undefined && createdAt.getTime() !== team.createdAt.getTime()],
  ]
  return checks.filter(([, differs]) => differs).map(([member]) => member)
}
