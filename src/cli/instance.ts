// Owns the commands about the installation itself: its configuration and schema.
import type { Output } from './output.ts'
import type { CliEnvironment } from './services.ts'

type Environment = { environment: CliEnvironment; output: Output }

export function checkConfig({ environment, output }: Environment): void {
  const { issuer, mode } = environment.readConfig()
  output.data({ ok: true, mode, issuer }, 'ok')
  output.say(`The configuration is complete: ${mode} mode, issuer ${issuer}.`)
}

export function printConfig({ environment, output }: Environment): void {
  output.rows(environment.describeConfig())
}

export async function migrate({ environment, output }: Environment): Promise<void> {
  const applied = await environment.migrate(environment.readConfig())
  output.data({ applied }, applied.join('\n') || 'none')
  output.say(applied.length === 0 ? 'The schema is up to date.' : 'The schema is up to date now.')
}

export async function migrateDown({ environment, output }: Environment): Promise<void> {
  const reverted = await environment.migrateDown(environment.readConfig())
  output.data({ reverted }, reverted ?? 'none')
  output.say(reverted === null ? 'No migration is left to revert.' : `${reverted} is reverted.`)
}
