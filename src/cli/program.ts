// Owns the command line: names, options, help, and the exit code. What a command does is in the files beside it.
import { Command, CommanderError, Option } from 'commander'
import { type TeamRole, teamRoles } from '../features/teams/policy.ts'
import {
  type AccountCommands,
  addTeamMember,
  type CreateUser,
  changeRole,
  changeStatus,
  createTeam,
  createUser,
  listUsers,
  setPassword,
} from './accounts.ts'
import { addAuditCommands } from './audit.ts'
import {
  type ClientCommands,
  type ClientCredentials,
  createClient,
  deleteClient,
  fetchClientCredentials,
  listClients,
  rotateSecret,
  updateClient,
} from './clients.ts'
import { addCodeCommand } from './code-flow.ts'
import { type Context, Unsuccessful } from './context.ts'
import { addDoctorCommand } from './doctor.ts'
import { checkConfig, migrate, migrateDown, printConfig } from './instance.ts'
import { addKeyCommands } from './keys.ts'
import { createOutput, wordsOf } from './output.ts'
import type { CliEnvironment } from './services.ts'
import { type DeviceToken, fetchDeviceToken } from './token-device.ts'
import { addTransferCommands } from './transfer.ts'

const exit = { done: 0, refused: 1, usage: 2 } as const

/** Runs one command and gives its exit code: 0 done, 1 refused or failed, 2 not a command. */
export async function runCli(args: readonly string[], environment: CliEnvironment): Promise<number> {
  try {
    await createProgram(environment).parseAsync([...args], { from: 'user' })
    return exit.done
  } catch (error) {
    // Commander has said already what was wrong; asked for help, it is not an error at all.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exit.done : exit.usage
    if (error instanceof Unsuccessful) return exit.refused
    environment.writeError(`${wordsOf(error)}\n`)
    return exit.refused
  }
}

function createProgram(environment: CliEnvironment): Command {
  const program = new Command('foyer')
    .description('Foyer: an identity provider. Data goes to stdout, words to stderr.')
    .option('--json', 'print data as JSON')
    .exitOverride()
    .configureOutput({ writeOut: environment.writeOut, writeErr: environment.writeError })
    .showHelpAfterError('(foyer --help lists the commands)')

  const context: Context = {
    environment,
    output: () => createOutput(environment, { json: program.opts().json === true }),
    withServices: async (work) => {
      const config = environment.readConfig()
      const services = await environment.openServices(config)
      try {
        await services.unhurried(() => work(services, config.issuer))
      } finally {
        await services.close()
      }
    },
  }

  addInstanceCommands(program, context)
  addDoctorCommand(program, context)
  addUserCommands(program.command('user').description('people'), context)
  addTeamCommands(program.command('team').description('teams'), context)
  addClientCommands(program.command('client').description('OAuth clients'), context)
  addAuditCommands(program.command('audit').description('the audit log'), context)
  addKeyCommands(program.command('key').description('signing keys'), context)
  addTokenCommands(program.command('token').description('fetch a token as a client would'), context)
  addTransferCommands(program, context)
  return program
}

function addInstanceCommands(program: Command, { environment, output }: Context): void {
  program
    .command('serve')
    .description('run Foyer')
    .action(() => environment.serve())

  const schema = program.command('migrate').description('bring the database schema up to date')
  schema
    .command('up', { isDefault: true, hidden: true })
    .action(() => migrate({ environment, output: output() }))
  schema
    .command('down')
    .description('revert the newest migration')
    .action(() => migrateDown({ environment, output: output() }))

  const config = program.command('config').description('the configuration')
  config
    .command('check')
    .description('say everything that is wrong with it')
    .action(() => checkConfig({ environment, output: output() }))
  config
    .command('print')
    .description('every setting in force, secrets redacted')
    .action(() => printConfig({ environment, output: output() }))
}

const passwordStdin = '--password-stdin'
const passwordFromStdin = 'read the password from stdin; without it a one-time link is printed'

function addUserCommands(user: Command, { environment, output, withServices }: Context): void {
  const run = (work: (commands: AccountCommands) => Promise<void>) =>
    withServices((services, issuer) => work({ services, output: output(), issuer }))

  async function password(wanted: boolean | undefined): Promise<string | undefined> {
    return wanted ? (await environment.readStdin()).replace(/\r?\n$/, '') : undefined
  }

  user
    .command('create <email>')
    .description('make an account')
    .option('--name <name>')
    .option('--role <role...>', 'such as admin')
    .option(passwordStdin, passwordFromStdin)
    .action(async (email: string, options: CreateUser & { passwordStdin?: boolean }) => {
      const { name, role } = options
      const given = await password(options.passwordStdin)
      await run((commands) => createUser(commands, email, { name, role, password: given }))
    })
  user
    .command('list')
    .description('every account')
    .action(() => run(listUsers))
  user
    .command('disable <who>')
    .description('end every session and token of an account, and let nobody sign in')
    .action((who: string) => run((commands) => changeStatus(commands, who, 'disabled')))
  user
    .command('enable <who>')
    .description('let a disabled account sign in again')
    .action((who: string) => run((commands) => changeStatus(commands, who, 'active')))
  const changing = (deed: 'assign' | 'unassign') => (who: string, role: string) =>
    run((commands) => changeRole(commands, { who, role, deed }))
  user
    .command('add-role <who> <role>')
    .description('give a role of the installation, such as admin')
    .action(changing('assign'))
  user
    .command('remove-role <who> <role>')
    .description('take a role of the installation; the last administrator stays')
    .action(changing('unassign'))
  user
    .command('set-password <who>')
    .description('set a new password, or print a one-time link where the person does')
    .option(passwordStdin, passwordFromStdin)
    .action(async (who: string, options: { passwordStdin?: boolean }) => {
      const given = await password(options.passwordStdin)
      await run((commands) => setPassword(commands, who, given))
    })
}

function addTeamCommands(team: Command, { output, withServices }: Context): void {
  const run = (work: (commands: AccountCommands) => Promise<void>) =>
    withServices((services, issuer) => work({ services, output: output(), issuer }))

  team
    .command('create <slug>')
    .description('make a team')
    .option('--name <name>')
    .action((slug: string, { name }: { name?: string }) =>
      run((commands) => createTeam(commands, slug, name)),
    )
  team
    .command('add-member <slug> <who>')
    .description('add an account to a team')
    .addOption(new Option('--role <role>').choices(teamRoles).default('member'))
    .action((slug: string, who: string, { role }: { role: TeamRole }) =>
      run((commands) => addTeamMember(commands, { slug, who, role })),
    )
}

function addClientCommands(client: Command, { output, withServices }: Context): void {
  const run = (work: (commands: ClientCommands) => Promise<void>) =>
    withServices((services) => work({ services, output: output() }))
  const metadata = '--metadata <json>'

  client
    .command('create')
    .description('register a client and print it with its id and secret')
    .requiredOption(metadata, 'OpenID Connect client metadata')
    .action((options: { metadata: string }) => run((commands) => createClient(commands, options.metadata)))
  client
    .command('list')
    .description('every client')
    .action(() => run(listClients))
  client
    .command('update <id>')
    .description('change some of its metadata')
    .requiredOption(metadata, 'the members to change; null removes one')
    .action((id: string, options: { metadata: string }) =>
      run((commands) => updateClient(commands, id, options.metadata)),
    )
  client
    .command('rotate-secret <id>')
    .description('make a new secret; the old one works for another day')
    .action((id: string) => run((commands) => rotateSecret(commands, id)))
  client
    .command('delete <id>')
    .description('remove a client and everything people granted it')
    .action((id: string) => run((commands) => deleteClient(commands, id)))
}

function addTokenCommands(token: Command, context: Context): void {
  const { environment, output } = context
  addCodeCommand(token, context)
  token
    .command('client-credentials')
    .description('a token for the client itself (RFC 6749 §4.4)')
    .requiredOption('--client-id <id>')
    .requiredOption('--client-secret <secret>')
    .option('--scope <scopes>', 'with spaces between them')
    .option('--resource <uri>', 'the API the token is for')
    .action((options: ClientCredentials) => {
      const { issuer } = environment.readConfig()
      const { postForm } = environment
      return fetchClientCredentials({ postForm, issuer, output: output() }, options)
    })
  token
    .command('device')
    .description('a token for a person, who lets this terminal in by a browser (RFC 8628)')
    .option('--client-id <id>', 'a client with the device grant', 'demo-device')
    .option('--scope <scopes>', 'with spaces between them', 'openid')
    .option('--resource <uri>', 'the API the token is for')
    .action((options: DeviceToken) => {
      const { issuer } = environment.readConfig()
      const { postForm, pause } = environment
      return fetchDeviceToken({ postForm, pause, issuer, output: output() }, options)
    })
}
