// Owns the statements that find the teams an account owns, and who could own them in its place.
import type { Tx } from '../../platform/postgres.ts'

export type OwnedTeam = { id: string; name: string }
export type Successor = { accountId: string; role: string }

/** Waits for the lock of each team in the order of their ids, so that two who lock several meet no deadlock. */
export async function lockOwned(tx: Tx, accountId: string): Promise<string[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`SELECT t.id FROM teams t
    WHERE EXISTS (SELECT 1 FROM team_members m
      WHERE m.team_id = t.id AND m.account_id = ${accountId}::uuid AND m.role = 'owner')
    ORDER BY t.id FOR UPDATE`
  return rows.map(({ id }) => id)
}

export async function listOwned(tx: Tx, accountId: string): Promise<string[]> {
  const rows = await tx.teamMember.findMany({ where: { accountId, role: 'owner' }, select: { teamId: true } })
  return rows.map(({ teamId }) => teamId)
}

/** After the teams, as every change of members does. From here on nobody makes this account an owner. */
export async function lockAccount(tx: Tx, accountId: string): Promise<void> {
  await tx.$queryRaw`SELECT 1 FROM accounts WHERE id = ${accountId}::uuid FOR NO KEY UPDATE`
}

/** Teams with other members and no other owner who can sign in. */
export async function listLastOwned(tx: Tx, accountId: string): Promise<OwnedTeam[]> {
  return tx.$queryRaw<OwnedTeam[]>`SELECT t.id, t.name FROM teams t
    JOIN team_members own ON own.team_id = t.id AND own.account_id = ${accountId}::uuid AND own.role = 'owner'
    WHERE EXISTS (SELECT 1 FROM team_members m WHERE m.team_id = t.id AND m.account_id <> own.account_id)
      AND NOT EXISTS (SELECT 1 FROM team_members m JOIN accounts a ON a.id = m.account_id
        WHERE m.team_id = t.id AND m.account_id <> own.account_id AND m.role = 'owner' AND a.status = 'active')
    ORDER BY t.name, t.id`
}

/** Who can sign in before who cannot; owners, then admins, then the others; of equals who was there first. */
export async function findSuccessor(tx: Tx, teamId: string): Promise<Successor | undefined> {
  const [row] = await tx.$queryRaw<Successor[]>`SELECT m.account_id AS "accountId", m.role
    FROM team_members m JOIN accounts a ON a.id = m.account_id
    WHERE m.team_id = ${teamId}::uuid
    ORDER BY a.status = 'active' DESC, m.role = 'owner' DESC, m.role = 'admin' DESC, m.joined_at, m.account_id
    LIMIT 1`
  return row
}
