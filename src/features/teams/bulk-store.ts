// Owns the rows of teams and members by the hundred: how an import brings them in and an export takes them out.
import type { Db, Tx } from '../../platform/postgres.ts'
import type { NewMember } from './member-store.ts'
import type { Team } from './schema.ts'

/** Where a page of members begins: after the one of this team and account. */
export type MemberPlace = { teamId: string; accountId: string }
export type StoredMember = { teamId: string; slug: string; accountId: string; role: string; joinedAt: Date }

export type TeamBulkStore = ReturnType<typeof createTeamBulkStore>

export function createTeamBulkStore(db: Pick<Db, 'query'>) {
  const findAny = (
    tx: Tx,
    { ids, slugs }: { ids: readonly string[]; slugs: readonly string[] },
  ): Promise<Team[]> => tx.$queryRaw`
    SELECT id, slug, name, description, created_at AS "createdAt", updated_at AS "updatedAt" FROM teams
    WHERE id = ANY (${ids}::uuid[]) OR slug = ANY (${slugs}::text[])`

  /** Every change of members goes through the rows of their teams (store.ts), in one order. */
  async function lockAll(tx: Tx, ids: readonly string[]): Promise<void> {
    await tx.$queryRaw`SELECT id FROM teams WHERE id = ANY (${ids}::uuid[]) ORDER BY id FOR UPDATE`
    await tx.$executeRaw`UPDATE teams SET member_version = member_version + 1 WHERE id = ANY (${ids}::uuid[])`
  }

  async function insertAll(tx: Tx, teams: readonly Team[]): Promise<Set<string>> {
    const rows = await tx.$queryRaw<{ id: string }[]>`
      INSERT INTO teams (id, slug, name, description, created_at, updated_at)
      SELECT id, slug, name, description, "createdAt", "updatedAt"
      FROM jsonb_to_recordset(${JSON.stringify(teams)}::jsonb)
        AS team (id uuid, slug text, name text, description text, "createdAt" timestamptz, "updatedAt" timestamptz)
      ON CONFLICT DO NOTHING RETURNING id`
    return new Set(rows.map(({ id }) => id))
  }

  const findMembers = (
    tx: Tx,
    { teamIds, accountIds }: { teamIds: readonly string[]; accountIds: readonly string[] },
  ): Promise<NewMember[]> => tx.$queryRaw`
    SELECT m.team_id AS "teamId", m.account_id AS "accountId", m.role, m.joined_at AS "joinedAt"
    FROM unnest(${teamIds}::uuid[], ${accountIds}::uuid[]) AS wanted (team_id, account_id)
    JOIN team_members m ON m.team_id = wanted.team_id AND m.account_id = wanted.account_id`

  async function insertMembers(tx: Tx, members: readonly NewMember[]): Promise<void> {
    await tx.$executeRaw`
      INSERT INTO team_members (team_id, account_id, role, joined_at)
      SELECT "teamId", "accountId", role, "joinedAt"
      FROM jsonb_to_recordset(${JSON.stringify(members)}::jsonb)
        AS member ("teamId" uuid, "accountId" uuid, role text, "joinedAt" timestamptz)`
  }

  /** Names of the teams' own roles, as `team-id role`. */
  async function findOwnRoles(tx: Tx, teamIds: readonly string[]): Promise<Set<string>> {
    const rows = await tx.$queryRaw<{ home: string; name: string }[]>`
      SELECT home, name FROM roles WHERE team_id = ANY (${teamIds}::uuid[])`
    return new Set(rows.map(({ home, name }) => `${home} ${name}`))
  }

  const listAfter = (id: string, take: number): Promise<Team[]> =>
    db.query({
      name: 'teams_export',
      text: `SELECT id, slug, name, description, created_at AS "createdAt", updated_at AS "updatedAt" FROM teams
        WHERE id > $1::uuid ORDER BY id LIMIT $2::int`,
      values: [id, take],
    })

  /** In the order of team and account, without those who are on their way out. */
  const listMembersAfter = ({ teamId, accountId }: MemberPlace, take: number): Promise<StoredMember[]> =>
    db.query({
      name: 'team_members_export',
      text: `SELECT m.team_id AS "teamId", t.slug, m.account_id AS "accountId", m.role, m.joined_at AS "joinedAt"
        FROM team_members m JOIN teams t ON t.id = m.team_id JOIN accounts a ON a.id = m.account_id
        WHERE (m.team_id, m.account_id) > ($1::uuid, $2::uuid) AND a.status <> 'deleted'
        ORDER BY m.team_id, m.account_id LIMIT $3::int`,
      values: [teamId, accountId, take],
    })

  return {
    findAny,
    lockAll,
    insertAll,
    findMembers,
    insertMembers,
    findOwnRoles,
    listAfter,
    listMembersAfter,
  }
}
