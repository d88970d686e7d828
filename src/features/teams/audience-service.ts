// Owns whether the roles and teams that a client is for are there: a name with a slip in it would lock everybody out.
import type { FieldError } from '../../kernel/errors.ts'
import type { AudienceStore } from './audience-store.ts'
import { isInstanceRole } from './policy.ts'

type Audience = { roles: readonly string[]; teams: readonly string[] }

export type Audiences = ReturnType<typeof createAudiences>

export function createAudiences({ store }: { store: AudienceStore }) {
  /** What is named and not there, by where it stands in the registration. */
  async function problemsOf({ roles, teams }: Audience): Promise<FieldError[]> {
    const own = roles.filter((name) => !isInstanceRole(name))
    const [knownRoles, knownTeams] = await Promise.all([store.knownRoles(own), store.knownTeams(teams)])
    return [
      ...roles.flatMap((name, at) => (isInstanceRole(name) || knownRoles.includes(name) ? [] : [noRole(at)])),
      ...teams.flatMap((id, at) => (knownTeams.includes(id) ? [] : [noTeam(at)])),
    ]
  }

  return { problemsOf }
}

const noRole = (at: number): FieldError => ({
  pointer: `/access/roles/${at}`,
  code: 'role_invalid',
  detail: 'Name a role of the whole installation.',
})
const noTeam = (at: number): FieldError => ({
  pointer: `/access/teams/${at}`,
  code: 'team_not_found',
  detail: 'Name a team by its id.',
})
