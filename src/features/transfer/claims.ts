// Owns which names the lines of one file have used, so that two lines never speak of the same account, team or client.
import type { AnyRecord } from './record.ts'

export type Holder = { name: string; line: number }

export function createClaims() {
  const lines = new Map<string, number>()

  /** The earlier line that has one of this record's names. */
  function holderOf(record: AnyRecord): Holder | undefined {
    for (const [name, value] of namesOf(record)) {
      const line = lines.get(`${name} ${value}`)
      if (line !== undefined) return { name, line }
    }
    return undefined
  }

  function claim(record: AnyRecord, line: number): void {
    for (const [name, value] of namesOf(record)) lines.set(`${name} ${value}`, line)
  }

  /** Of a line that came to nothing. */
  function release(record: AnyRecord): void {
    for (const [name, value] of namesOf(record)) lines.delete(`${name} ${value}`)
  }

  return { holderOf, claim, release }
}

function namesOf(record: AnyRecord): [name: string, value: string][] {
  switch (record.type) {
    case 'user':
      return given({
        email: record.email.canonical,
        username: record.username ?? record.preferred_username,
        id: record.id,
      })
    case 'team':
      return given({ slug: record.slug, id: record.id })
    case 'client':
      return given({ client_id: record.own.client_id })
    case 'role':
      return given({ name: `${record.team ?? ''} ${record.name}` })
    case 'api':
      return given({ identifier: record.identifier })
    case 'api_client':
      return given({ client: `${record.api} ${record.client}` })
    case 'member':
      return []
  }
}

const given = (names: Record<string, string | undefined>): [string, string][] =>
  Object.entries(names).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))
