// Owns the commands about signing keys.
import { type Command, Option } from 'commander'
import type { SigningAlg, SigningKey } from '../features/artifacts/signing-keys.ts'
import type { Resealed } from '../platform/reseal.ts'
import type { Output } from './output.ts'
import type { CliEnvironment, CliServices } from './services.ts'

type Work = (services: Pick<CliServices, 'keys' | 'reseal'>) => Promise<void>
export type KeyContext = {
  environment: Pick<CliEnvironment, 'readFile' | 'readStdin'>
  output: () => Output
  withServices: (work: Work) => Promise<void>
}

const algs: readonly SigningAlg[] = ['RS256', 'PS256', 'ES256', 'EdDSA']
const operator = { kind: 'operator' } as const

export function addKeyCommands(key: Command, { environment, output, withServices }: KeyContext): void {
  key
    .command('import <pem>')
    .description('bring a private key of your own, a file or - for stdin, as the next key')
    .addOption(new Option('--alg <alg>', 'PS256 for an RSA key that is not for RS256').choices(algs))
    .option('--active', 'let it sign at once, without waiting until every app has seen it')
    .action(async (path: string, options: { alg?: SigningAlg; active?: boolean }) => {
      const pem = await (path === '-' ? environment.readStdin() : environment.readFile(path))
      await withServices(async ({ keys }) => print(output(), await keys.bring(operator, pem, options)))
      output().say(
        options.active
          ? 'It signs now. Apps that have not seen it yet read the keys again when they meet it.'
          : 'It is published. `foyer key rotate` lets it sign in five minutes.',
      )
    })
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
  key
    .command('reseal')
    .description('seal everything anew that FOYER_KEY_ENCRYPTION_KEY_OLD sealed')
    .action(() => withServices(({ reseal }) => sealAnew(output(), reseal)))
}

async function sealAnew(output: Output, reseal: () => Promise<Resealed[]>): Promise<void> {
  const places = await reseal()
  output.rows(places)
  const left = places.reduce((sum, place) => sum + place.left, 0)
  if (left > 0)
    throw new Error(
      `${left} values are still under another key: restart every process with both keys, and run this again.`,
    )
  output.say('Everything is sealed under FOYER_KEY_ENCRYPTION_KEY. FOYER_KEY_ENCRYPTION_KEY_OLD can go.')
}

function print(output: Output, keys: readonly SigningKey[]): void {
  output.rows(
    keys.map(({ kid, alg, state, publishedAt, activatedAt, retainUntil, imported }) => ({
      kid,
      alg,
      state,
      published_at: publishedAt?.toISOString() ?? null,
      activated_at: activatedAt?.toISOString() ?? null,
      retained_until: retainUntil?.toISOString() ?? null,
      imported,
    })),
  )
}
