// Owns the column of an account's roles in the installation.
import type { Tx } from '../../platform/postgres.ts'

export type InstanceRolesStore = ReturnType<typeof createInstanceRolesStore>

type Change = { role: string; now: Date }

export function createInstanceRolesStore() {
  /** Says whether anything changed: not when the role is there already, or nobody has that id. */
  async function add(tx: Tx, id: string, { role, now }: Change): Promise<boolean> {
    const changed = await tx.$executeRaw`UPDATE accounts SET roles = array_append(roles, ${role}::text),
        updated_at = greatest(${now}::timestamptz, updated_at + interval '1 millisecond')
      WHERE id = ${id}::uuid AND NOT ${role}::text = ANY (roles)`
    return changed === 1
  }

  async function take(tx: Tx, id: string, { role, now }: Change): Promise<boolean> {
    const changed = await tx.$executeRaw`UPDATE accounts SET roles = array_remove(roles, ${role}::text),
        updated_at = greatest(${now}::timestamptz, updated_at + interval '1 millisecond')
      WHERE id = ${id}::uuid AND ${role}::text = ANY (roles)`
    return changed === 1
  }

  return { add, take }
}
