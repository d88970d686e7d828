// Owns the commands that fill an installation from a file and empty it into one.
import { type Command, Option } from 'commander'
import type { ExportOptions } from '../features/transfer/export-service.ts'
import { type Format, formats, readItems } from '../features/transfer/formats/formats.ts'
import type { ImportReport } from '../features/transfer/import-service.ts'
import type { Actor } from '../kernel/events.ts'
import { type Context, Unsuccessful } from './context.ts'
import { plain } from './output.ts'
import { createProgress } from './progress.ts'

const operator: Actor = { kind: 'operator' }

export function addTransferCommands(program: Command, context: Context): void {
  program
    .command('import <file>')
    .description(
      'bring users, teams, roles, APIs and clients along from a file (docs/import.md); - reads stdin',
    )
    .addOption(new Option('--format <format>', 'what the file is, when it is not clear').choices(formats))
    .action((file: string, { format }: { format?: Format }) => importFile(context, file, format))
  program
    .command('export')
    .description('write out users, teams, roles, APIs and clients as the lines that import takes')
    .option('--include-secrets', 'hashes of passwords and client secrets too')
    .action(({ includeSecrets = false }: { includeSecrets?: boolean }) =>
      exportAll(context, { secrets: includeSecrets }),
    )
}

/** Lines of JSON with or without --json. */
async function exportAll(
  { environment, output, withServices }: Context,
  options: ExportOptions,
): Promise<void> {
  await withServices(({ exports }) => environment.streamOut(exports.run(operator, options)))
  output().say(
    options.secrets
      ? 'Everybody is written out, hashes included: keep them as you keep the database.'
      : 'Everybody is written out, without hashes: nobody could sign in with a password after an import of this.',
  )
}

async function importFile(
  { environment, output, withServices }: Context,
  file: string,
  format: Format | undefined,
): Promise<void> {
  const source = environment.openFile(file)
  await withServices(async ({ imports }) => {
    const progress = createProgress(environment, source.size)
    const report = await imports.run(operator, readItems(progress.over(source.bytes), format), progress.show)
    progress.end()
    output().data(report, inWords(report))
    if (report.refused.length > 0) throw new Unsuccessful()
  })
}

function inWords({ created, unchanged, refused }: ImportReport): string {
  const counts = `${created} created, ${unchanged} there already, ${refused.length} refused`
  return [counts, ...refused.map(({ line, reason }) => `line ${line}: ${plain(reason)}`)].join('\n')
}
