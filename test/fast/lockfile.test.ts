// What `npm ci` needs of the lock file: every package that another one names, and no word of where it was fetched.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

type Entry = { version?: string; resolved?: string; integrity?: string } & Partial<
  Record<'dependencies' | 'optionalDependencies', Record<string, string>>
>

const root = join(import.meta.dirname, '..', '..')
const { packages }: { packages: Record<string, Entry> } = JSON.parse(
  readFileSync(join(root, 'package-lock.json'), 'utf8'),
)

/** As Node looks a package up: beside the one that asks, then further out. */
function isFound(from: string, name: string): boolean {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    if (`${folder ? `${folder}/` : ''}node_modules/${name}` in packages) return true
    if (folder === '') return false
  }
}

describe('the lock file', () => {
  it('holds every package that another names, those of other platforms included', () => {
    const missing = Object.entries(packages).flatMap(([path, { dependencies, optionalDependencies }]) =>
      Object.keys({ ...dependencies, ...optionalDependencies })
        .filter((name) => !isFound(path, name))
        .map((name) => `${path || 'package.json'} wants ${name}`),
    )
    expect(missing).toEqual([])
  })

  it('pins each package by its hash and names no host', () => {
    const entries = Object.entries(packages).filter(([path]) => path !== '')
    expect(entries.filter(([, { integrity }]) => !integrity).map(([path]) => path)).toEqual([])
    expect(entries.filter(([, { resolved }]) => resolved).map(([path]) => path)).toEqual([])
  })

  it('pins what the project names itself to one version', () => {
    const manifest: Record<string, Record<string, string>> = JSON.parse(
      readFileSync(join(root, 'package.json'), 'utf8'),
    )
    const ranges = ['dependencies', 'optionalDependencies', 'devDependencies'].flatMap((kind) =>
      Object.entries(manifest[kind] ?? {}).filter(([, version]) => !/^\d/.test(version)),
    )
    expect(ranges).toEqual([])
  })
})
