// Owns a crowd of people: so many that nobody tries ten times, after which their limit would refuse what is to be
// hashed. Copies of one person, made in the database, since the command line takes half a second for each.
import { withDatabase } from './foyer-database.ts'
import { addressOf, type Visitor, visitor } from './people.ts'
import type { Foyer } from './targets.ts'

const size = 4000
const emailOf = (number: number) => `crowd-${number % size}@example.test`

/** Attempts go round the crowd, each from an address of its own. */
export const crowdMember = (attempt: number): Visitor => ({
  ...visitor(0),
  email: emailOf(attempt),
  address: addressOf(attempt),
})

export async function gatherCrowd(foyer: Foyer): Promise<void> {
  const text = `INSERT INTO accounts
    SELECT copied.* FROM accounts original, unnest($2::text[]) AS member (address),
      jsonb_populate_record(original, jsonb_build_object(
        'id', gen_random_uuid(), 'email', address, 'email_canonical', address)) AS copied
    WHERE original.email_canonical = $1`
  const emails = Array.from({ length: size }, (_, number) => emailOf(number))
  await withDatabase({ foyer, poolSize: 1 }, (db) => db.query({ text, values: [visitor(0).email, emails] }))
}
