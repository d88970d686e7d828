// The composition root of what fills an installation from a file and empties it into one: the command line's alone.
import { createAccountBulkStore } from './features/accounts/bulk-store.ts'
import { createApiBulkStore } from './features/clients/api-bulk-store.ts'
import { createClientBulkStore } from './features/clients/bulk-store.ts'
import { createClientStore } from './features/clients/store.ts'
import { createTeamBulkStore } from './features/teams/bulk-store.ts'
import { createRoleBulkStore } from './features/teams/role-bulk-store.ts'
import { createExport } from './features/transfer/export-service.ts'
import { createImport } from './features/transfer/import-service.ts'
import type { Services } from './services.ts'

export function createTransfer({ db, clock, audit }: Pick<Services, 'db' | 'clock' | 'audit'>) {
  const stores = {
    accounts: createAccountBulkStore(db),
    teams: createTeamBulkStore(db),
    roles: createRoleBulkStore(db),
    apis: createApiBulkStore(db),
    clients: createClientBulkStore(db),
  }
  const { notify } = createClientStore(db)
  return {
    imports: createImport({ ...stores, db, notify, audit, clock }),
    exports: createExport({ ...stores, audit, clock }),
  }
}
