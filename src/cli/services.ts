// Owns what the commands ask of the rest of Foyer. Who builds it is environment.ts; commands never open anything themselves.
import type { SettingRow } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import type { Accounts } from '../features/accounts/service.ts'
import type { Tickets } from '../features/accounts/tickets.ts'
import type { Verification } from '../features/audit/verification-service.ts'
import type { Clients } from '../features/clients/service.ts'
import type { Assignments } from '../features/teams/assignments-service.ts'
import type { Members } from '../features/teams/members-service.ts'
import type { Teams } from '../features/teams/service.ts'
import type { Export } from '../features/transfer/export-service.ts'
import type { Import } from '../features/transfer/import-service.ts'
import type { Clock } from '../kernel/time.ts'
import type { KeyImport } from '../oidc/key-import.ts'
import type { KeyRotation } from '../oidc/key-rotation.ts'
import type { DatabaseFacts } from '../platform/diagnosis.ts'
import type { Resealed } from '../platform/reseal.ts'
import type { Loopback } from './loopback.ts'

/** Open until closed: a database connection is behind it. */
export type CliServices = {
  accounts: Pick<
    Accounts,
    'create' | 'list' | 'get' | 'findByIdentifier' | 'setPassword' | 'disable' | 'enable'
  >
  tickets: Pick<Tickets, 'issueTicket'>
  assignments: Pick<Assignments, 'assign' | 'unassign'>
  teams: Pick<Teams, 'create' | 'getBySlug'>
  members: Pick<Members, 'add'>
  clients: Pick<Clients, 'create' | 'get' | 'list' | 'update' | 'remove' | 'rotateSecret'>
  imports: Import
  auditChain: Verification
  keys: Pick<KeyRotation, 'list' | 'rotate'> & Pick<KeyImport, 'bring'>
  reseal: () => Promise<Resealed[]>
  clock: Clock
  exports: Export
  /** Lets the statements inside take longer than a browser would wait. */
  unhurried: <T>(work: () => Promise<T>) => Promise<T>
  close: () => Promise<void>
}

/** What `doctor` asks of the world; each rejects when it is not as it should be. */
export type Probes = {
  database: (config: Config) => Promise<DatabaseFacts>
  mail: (smtpUrl: string) => Promise<void>
  redis: (url: string) => Promise<void>
  /** Permission bits, where the system has them and there is such a file. */
  modeOf: (path: string) => number | undefined
}

export type CliEnvironment = {
  /** Throws a ConfigError with everything that is wrong. */
  readConfig: () => Config
  describeConfig: () => SettingRow[]
  /** Attaches to the database of this configuration, the embedded one included. */
  openServices: (config: Config) => Promise<CliServices>
  /** The names of the migrations applied. */
  migrate: (config: Config) => Promise<string[]>
  /** Reverts the newest migration and gives its name; null when there is none left. */
  migrateDown: (config: Config) => Promise<string | null>
  /** Runs until it is told to end. */
  serve: () => Promise<void>
  probes: Probes
  /** Posts a form to the issuer. */
  postForm: (url: string, form: URLSearchParams, headers: Record<string, string>) => Promise<FormAnswer>
  /** Waits on 127.0.0.1 for a browser that comes back. */
  listenOnLoopback: (port: number) => Promise<Loopback>
  /** Bytes of a file, or of stdin when it is named `-`; how many there are, where that is known. */
  openFile: (path: string) => { bytes: AsyncIterable<Uint8Array>; size: number | undefined }
  pause: (seconds: number) => Promise<void>
  readStdin: () => Promise<string>
  /** The text of a file; throws a sentence that names it. */
  readFile: (path: string) => Promise<string>
  writeOut: (text: string) => void
  /** The same for much of it: waits for whoever reads. */
  streamOut: (texts: AsyncIterable<string>) => Promise<void>
  writeError: (text: string) => void
  /** Somebody watches stderr. */
  showsProgress: boolean
}

export type FormAnswer = { status: number; body: string }
