// Owns looking: what a person is in a team or in the whole installation, and what they came to see there, in a single
// statement however long the list. What they may see of it is for the policy to say.
import { Prisma } from '../../generated/prisma/client.ts'
import { dateOf } from '../../kernel/time.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { Team } from './schema.ts'

/** What a person is: the roles of their account, and the one in the team at hand, with what the own ones hold. */
export type Facts = {
  roles: string[]
  ownRoles: Record<string, string[]> | null
  role: string | null
  ownPermissions: string[] | null
}

/** Whoever looks, without an account no person; and into which team, without one into the installation. */
export type Look = { accountId: string | null; teamId: string | null }

/** A page of what belongs to a team, as somebody asks for it. */
export type TeamPage = Look & { teamId: string; after?: string; take: number }

export type Looked<Row> = { team: Team | undefined; facts: Facts | undefined; rows: Row[] }

export type TeamInJson = Omit<Team, 'createdAt' | 'updatedAt'> & { createdAt: string; updatedAt: string }

type LookedRow<Row> = {
  team: TeamInJson | null
  facts: Facts | null
  rows: Row[] | null
}

/** Less than every id: the first page is read by the same range of the index as all the others. */
export const beforeAll = '00000000-0000-0000-0000-000000000000'

export const teamColumns = Prisma.sql`
  t.id, t.slug, t.name, t.description, t.created_at AS "createdAt", t.updated_at AS "updatedAt"`

const noRows = Prisma.sql`SELECT 1 WHERE false`

const factsSql = ({ accountId, teamId }: Look) => Prisma.sql`
  SELECT a.roles, m.role, r.permissions AS "ownPermissions",
    (SELECT jsonb_object_agg(o.name, o.permissions) FROM roles o
      WHERE o.home = 'instance' AND o.name = ANY (a.roles)) AS "ownRoles"
  FROM accounts a
  LEFT JOIN team_members m ON m.account_id = a.id AND m.team_id = ${teamId}::uuid
  LEFT JOIN roles r ON r.home = m.team_id::text AND r.name = m.role
  WHERE a.id = ${accountId}::uuid AND a.status = 'active'`

export type LookStore = ReturnType<typeof createLookStore>

export function createLookStore(db: Pick<Db, 'prisma'>) {
  /** Nothing for somebody who is gone or not active. */
  async function findFacts(key: Look, on: Pick<Tx, '$queryRaw'> = db.prisma): Promise<Facts | undefined> {
    const [row] = await on.$queryRaw<Facts[]>(factsSql(key))
    return row
  }

  return { findFacts, find: (key: Look): Promise<Looked<never>> => look(db, key, noRows) }
}

/** The rows come by way of JSON: a moment as a text, which `dateOf` reads. */
export async function look<Row>(db: Pick<Db, 'prisma'>, key: Look, rows: Prisma.Sql): Promise<Looked<Row>> {
  const [found] = await db.prisma.$queryRaw<LookedRow<Row>[]>`
    SELECT (SELECT to_jsonb(team) FROM (
        SELECT ${teamColumns} FROM teams t WHERE t.id = ${key.teamId}::uuid) AS team) AS team,
      (SELECT to_jsonb(facts) FROM (${factsSql(key)}) AS facts) AS facts,
      (SELECT jsonb_agg(page) FROM (${rows}) AS page) AS rows`
  return {
    team: found?.team ? teamOf(found.team) : undefined,
    facts: found?.facts ?? undefined,
    rows: found?.rows ?? [],
  }
}

export const teamOf = ({ createdAt, updatedAt, ...team }: TeamInJson): Team => ({
  ...team,
  createdAt: dateOf(createdAt),
  updatedAt: dateOf(updatedAt),
})
