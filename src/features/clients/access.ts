// Owns who may use a client: everybody, unless it names roles of the installation or teams. Pure; the facts about the
// person are as new as the statement that found their token or session.

/** Holding one of the roles, or belonging to one of the teams (by their ids), is enough. */
export type ClientAccess = { roles: readonly string[]; teams: readonly string[] }

/** As much of a person as it follows from: what the view `account_snapshot` shows. */
export type Person = { roles: readonly string[]; teams: readonly { id: string }[] | null }

/** A team that was deleted lets nobody in: what is named stays named, and never turns into everybody. */
export function admits(access: ClientAccess | undefined, { roles, teams }: Person): boolean {
  if (!access) return true
  return (
    access.roles.some((name) => roles.includes(name)) ||
    (teams ?? []).some(({ id }) => access.teams.includes(id))
  )
}
