// Owns what all records from other systems have in common: their roles are not ours, their group names are no slugs,
// and what is empty is left out.
import { fromSeconds } from '../../../kernel/time.ts'
import { isRoleName } from '../../accounts/schema.ts'
import { isInstanceRole } from '../../teams/policy.ts'

/** What is absent, null or an empty text says nothing. */
export const given = (members: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== undefined && value !== null && value !== ''),
  )

export const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** An administrator of one app over there is none of the whole installation here: such a role gets the system's name. */
export function rolesOf(system: string, names: readonly unknown[]): string[] {
  const plain = names
    .flatMap((name) => textOf(name) ?? [])
    .map((name) => name.toLowerCase().replaceAll(/[^a-z0-9_-]+/g, '-'))
  return [...new Set(plain.map((name) => (isInstanceRole(name) ? `${system}-${name}` : name)))].filter(
    isRoleName,
  )
}

/**
 * Short names as close to the names over there as they get, each for one of them only: nobody comes into a team because
 * its name looks like that of another.
 */
export function createSlugs() {
  const slugs = new Map<string, string>()
  const used = new Set<string>()

  return (id: string, name: string = id): string => {
    const known = slugs.get(id)
    if (known !== undefined) return known
    const plain = slugOf(name) || 'team'
    let slug = plain
    for (let count = 2; used.has(slug); count += 1) slug = `${plain.slice(0, 56)}-${count}`
    used.add(slug)
    slugs.set(id, slug)
    return slug
  }
}

const slugOf = (name: string): string =>
  name
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 63)
    .replaceAll(/^-+|-+$/g, '')

export const timeOf = (milliseconds: unknown): string | undefined => {
  if (typeof milliseconds !== 'number' || !(milliseconds > 0 && milliseconds < 32_503_680_000_000))
    return undefined
  return fromSeconds(milliseconds / 1000).toISOString()
}
