// Owns what of Auth0's exports becomes what: the list of users, one JSON object a line, and the list of bcrypt hashes
// that its support hands out. Both in one stream, in any order, become one account for each person.
import type { Item } from '../item.ts'
import { readJsonLines } from '../json-lines.ts'
import { isObject, type Json } from './document.ts'
import { given, textOf } from './foreign.ts'

type Person = { line: number; hash?: Json; user?: Json }

export async function* readAuth0(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Item> {
  const people: Person[] = []
  const halves = new Map<string, Person>()
  for await (const item of readJsonLines(bytes)) {
    if ('refused' in item) yield item
    else if (!isObject(item.value)) yield { line: item.line, refused: 'is not one plain JSON object' }
    else meet(people, halves, { line: item.line, value: item.value })
  }
  for (const { line, hash = {}, user = {} } of people) yield { line, value: recordOf(hash, user) }
}

/** A second user, or a second hash, of an address is another person as far as the file says, and refused as such. */
function meet(
  people: Person[],
  halves: Map<string, Person>,
  { line, value }: { line: number; value: Json },
): void {
  const half = value.passwordHash === undefined ? 'user' : 'hash'
  const email = String(value.email).toLowerCase()
  const other = halves.get(email)
  if (other && other[half] === undefined) {
    other[half] = value
    return
  }
  const person: Person = { line, [half]: value }
  people.push(person)
  if (!other) halves.set(email, person)
}

function recordOf(hash: Json, user: Json): object {
  const all = { ...hash, ...user }
  const phone = all.phone_number
  return given({
    type: 'user',
    email: all.email,
    // The export as CSV-like JSON writes flags as texts
    email_verified: String(all.email_verified) === 'true',
    username: all.username,
    name: all.name,
    given_name: all.given_name,
    family_name: all.family_name,
    nickname: all.nickname,
    picture: all.picture,
    locale: all.locale,
    phone_number: phone,
    phone_number_verified: phone ? String(all.phone_verified) === 'true' : undefined,
    status: String(all.blocked) === 'true' ? 'disabled' : 'active',
    created_at: textOf(all.created_at),
    password_hash: all.passwordHash,
  })
}
