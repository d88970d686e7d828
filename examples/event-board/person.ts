// Owns who a person is to the board, as Foyer tells it at userinfo, and what they may do. All pure.
import type { UserInfoResponse } from 'openid-client'

export type TeamOfPerson = { id: string; slug: string; name: string; role: string }
export type Person = { sub: string; name: string; roles: string[]; teams: TeamOfPerson[] }

/** The claims of the scopes `profile`, `roles` and `teams`. */
export function personOf(claims: UserInfoResponse): Person {
  const { sub, name, preferred_username } = claims
  return {
    sub,
    name:
      [name, preferred_username].find((text) => typeof text === 'string' && text !== '')?.toString() ?? sub,
    roles: Array.isArray(claims.roles) ? claims.roles.map(String) : [],
    teams: Array.isArray(claims.teams) ? (claims.teams as unknown as TeamOfPerson[]) : [],
  }
}

const hasRole = (person: Person | undefined, ...roles: string[]): boolean =>
  roles.some((role) => person?.roles.includes(role))

export const teamOf = (person: Person | undefined, slug: string): TeamOfPerson | undefined =>
  person?.teams.find((team) => team.slug === slug)

const isMember = (person: Person | undefined, teamId: string): boolean =>
  person?.teams.some(({ id }) => id === teamId) === true

/** What has no team is for everybody. */
export const maySee = (person: Person | undefined, { teamId }: { teamId: string | null }): boolean =>
  teamId === null || isMember(person, teamId)

/** For everybody, or for a team that they are in. */
export const mayCreateEvent = (person: Person | undefined, teamId: string | null = null): boolean =>
  hasRole(person, 'organizer', 'admin') && maySee(person, { teamId })

export const mayCancelEvent = (person: Person | undefined, event: { by: { sub: string } }): boolean =>
  person !== undefined && (event.by.sub === person.sub || hasRole(person, 'admin'))

/** To everybody as an organizer, to a team as one who leads it. */
export function mayPostNotice(person: Person | undefined, teamId: string | null): boolean {
  if (teamId === null) return hasRole(person, 'organizer', 'admin')
  const role = person?.teams.find(({ id }) => id === teamId)?.role
  return role === 'owner' || role === 'admin'
}
