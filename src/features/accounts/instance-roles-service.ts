// Owns the roles that an account has in the whole installation: given and taken one by one. What a role may do is
// decided where it is asked.
import { conflict, type FieldError, invalidInput } from '../../kernel/errors.ts'
import type { Actor } from '../../kernel/events.ts'
import type { Clock } from '../../kernel/time.ts'
import type { Db } from '../../platform/postgres.ts'
import type { Audit } from '../audit/service.ts'
import type { InstanceRolesStore } from './instance-roles-store.ts'
import { isRoleName } from './schema.ts'
import type { Accounts } from './service.ts'
import type { AccountStore } from './store.ts'

export type InstanceRolesDeps = {
  db: Pick<Db, 'inTransaction'>
  store: InstanceRolesStore
  accountStore: Pick<AccountStore, 'lockAdministrators'>
  accounts: Pick<Accounts, 'get'>
  clock: Clock
  audit: Pick<Audit, 'record'>
}

export type InstanceRoles = ReturnType<typeof createInstanceRoles>

export function createInstanceRoles({ db, store, accountStore, accounts, clock, audit }: InstanceRolesDeps) {
  /** Gives the roles of the account as they are then. */
  async function change(
    actor: Actor,
    id: string,
    { role, granted }: { role: string; granted: boolean },
  ): Promise<string[]> {
    if (!isRoleName(role)) throw invalidInput([badRole])
    await accounts.get(id)
    await db.inTransaction(async (tx) => {
      const administrators = !granted && role === 'admin' ? await accountStore.lockAdministrators(tx) : []
      if (administrators.length === 1 && administrators[0] === id) throw conflict('last_administrator')
      const changed = await store[granted ? 'add' : 'take'](tx, id, { role, now: clock.now() })
      const type = granted ? 'account.role_granted' : 'account.role_revoked'
      if (changed) await audit.record(tx, { type, actor, accountId: id, details: { role } })
    })
    return (await accounts.get(id)).roles
  }

  return {
    grant: (actor: Actor, id: string, role: string) => change(actor, id, { role, granted: true }),
    revoke: (actor: Actor, id: string, role: string) => change(actor, id, { role, granted: false }),
  }
}

const badRole: FieldError = {
  pointer: '/role',
  code: 'role_invalid',
  detail: 'Name roles in lower case, as in admin.',
}
