// Owns where the project's own files lie, in the sources and in dist alike.
import { join } from 'node:path'

/** Run by Node from the sources, as `npm run dev` does: what is edited shows on the next request. */
export const isFromSources = (): boolean => import.meta.filename.endsWith('.ts')

/** A folder beside package.json, such as views: above src/kernel, or above dist/src/kernel. */
export const projectFolder = (name: string): string =>
  join(import.meta.dirname, isFromSources() ? '../..' : '../../..', name)
