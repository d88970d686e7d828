// Owns the commands that fill an installation from a file and empty it into one.
import type { Command } from 'commander'
import type { ImportReport } from '../features/transfer/import-service.ts'
import { readJsonLines } from '../features/transfer/json-lines.ts'
import type { Actor } from '../kernel/events.ts'
import { type Context, Unsuccessful } from './context.ts'
import { plain } from './output.ts'
import { createProgress } from './progress.ts'

const operator: Actor = { kind: 'operator' }

export function addTransferCommands(program: Command, context: Context): void {
  program
    .command('import <file>')
    .description('bring users, teams and clients along from a file (docs/import.md); - reads stdin')
    .action((file: string) => importFile(context, file))
}

async function importFile({ environment, output, withServices }: Context, file: string): Promise<void> {
  const source = environment.openFile(file)
  await withServices(async ({ imports }) => {
    const progress = createProgress(environment, source.size)
    const report = await imports.run(operator, readJsonLines(progress.over(source.bytes)), progress.show)
    progress.end()
    output().data(report, inWords(report))
    if (report.refused.length > 0) throw new Unsuccessful()
  })
}

function inWords({ created, unchanged, refused }: ImportReport): string {
  const counts = `${created} created, ${unchanged} there already, ${refused.length} refused`
  return [counts, ...refused.map(({ line, reason }) => `line ${line}: ${plain(reason)}`)].join('\n')
}
