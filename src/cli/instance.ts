// Owns the commands about the installation itself: its configuration, schema and keys.
import type { Output } from './output.ts'
import type { CliEnvironment, CliServices } from './services.ts'

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

export async function listKeys(services: Pick<CliServices, 'listKeys'>, output: Output): Promise<void> {
  const keys = await services.listKeys()
  output.rows(
    keys.map(({ kid, alg, state, publishedAt }) => ({
      kid,
      alg,
      state,
      published_at: publishedAt?.toISOString() ?? null,
    })),
  )
}
