// Owns reading a folder of small files that the product brings along (views, public files) into memory.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Paths below the folder, with forward slashes on every system, in a stable order. */
export function listFolder(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
    .map((path) => path.replaceAll('\\', '/'))
    .sort()
}

/** Changes whenever a file of the folder is added, removed or written. */
export function folderStamp(dir: string): string {
  return listFolder(dir)
    .map((path) => `${path}@${statSync(join(dir, path)).mtimeMs}`)
    .join('\n')
}

/** What `build` makes of the folder: made once, or with `reload` again whenever a file has changed. */
export function folderCache<Built>(dir: string, build: (dir: string) => Built, reload: boolean): () => Built {
  let built = build(dir)
  if (!reload) return () => built

  let stamp = folderStamp(dir)
  return () => {
    const newest = folderStamp(dir)
    if (newest !== stamp) {
      built = build(dir)
      stamp = newest
    }
    return built
  }
}

export const readFolderFile = (dir: string, path: string): Buffer => readFileSync(join(dir, path))
