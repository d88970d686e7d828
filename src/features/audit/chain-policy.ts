// Owns the arithmetic of the chain: each hash is of the one before and of a fact, so that nothing behind a kept hash
// can be changed, taken out or put in unseen. What a fact says in the chain is canonicalSql in seal-store.ts.
import { createHash } from 'node:crypto'

/** Where the first fact of an installation stands. */
export const origin: Link = { seq: 0, hash: Buffer.alloc(32) }

/** A place in the chain. */
export type Link = { seq: number; hash: Buffer }

/** SHA-256(previous hash ‖ canonical fact). */
export const nextLink = ({ seq, hash }: Link, canonical: string): Link => ({
  seq: seq + 1,
  hash: createHash('sha256').update(hash).update(canonical, 'utf8').digest(),
})

/** The links of facts in their order, behind the last one there is. */
export function linksBehind(head: Link, facts: readonly string[]): Link[] {
  const links: Link[] = []
  for (const canonical of facts) links.push(nextLink(links.at(-1) ?? head, canonical))
  return links
}
