// Owns the commands about signing keys.
import { type Command, Option } from 'commander'
import type { SigningAlg, SigningKey } from '../features/artifacts/signing-keys.ts'
import type { Output } from './output.ts'
import type { CliServices } from './services.ts'

type Work = (services: Pick<CliServices, 'keys'>) => Promise<void>
export type KeyContext = { output: () => Output; withServices: (work: Work) => Promise<void> }

const algs: readonly SigningAlg[] = ['RS256', 'PS256', 'ES256', 'EdDSA']
const operator = { kind: 'operator' } as const

export function addKeyCommands(key: Command, { output, withServices }: KeyContext): void {
  key
    .command('list')
    .description('every key and its state')
    .action(() => withServices(async ({ keys }) => print(output(), await keys.list())))
  key
    .command('rotate')
    .description('let the next key sign and publish a new next one')
    .addOption(new Option('--alg <alg>', 'of this algorithm; of all when none is named').choices(algs))
    .option('--emergency', 'the key is compromised: what it signed is worth nothing from now on')
    .action((options: { alg?: SigningAlg; emergency?: boolean }) =>
      withServices(async ({ keys }) => {
        print(output(), await keys.rotate(operator, options))
        output().say(
          options.emergency
            ? 'The compromised keys are gone. Every running process follows within a minute.'
            : 'The next keys sign now. Every running process follows at once.',
        )
      }),
    )
}

function print(output: Output, keys: readonly SigningKey[]): void {
  output.rows(
    keys.map(({ kid, alg, state, publishedAt, activatedAt, retainUntil }) => ({
      kid,
      alg,
      state,
      published_at: publishedAt?.toISOString() ?? null,
      activated_at: activatedAt?.toISOString() ?? null,
      retained_until: retainUntil?.toISOString() ?? null,
    })),
  )
}
