// Owns what a run is going to do: which scenarios and studies, for how many people, and how long.
import type { Effort, Stage } from './effort.ts'
import type { Options } from './options.ts'
import { type Scenario, scenarios } from './scenarios.ts'

export type Plan = { chosen: Scenario[] }

export const planRun = ({ isWanted }: Pick<Options, 'isWanted'>): Plan => ({
  chosen: scenarios.filter(({ name }) => isWanted(name)),
})

export function stagesOf({ chosen }: Plan, { seconds }: Effort): Stage[] {
  return chosen.map(({ name, floor, library }) => {
    const cells = 1 + (floor ? 1 : 0) + (library ? 1 : 0)
    return { name, warmUps: cells, measuredSeconds: cells * seconds }
  })
}

const crowdOf = (some: Scenario[]) =>
  Math.max(0, ...some.map(({ people, connections }) => (people ? connections : 0)))

/** How many people need an account at Foyer. */
export const peopleOf = ({ chosen }: Plan): number =>
  crowdOf(chosen.filter(({ withoutHash }) => !withoutHash))

/** The same at the Foyer that hashes nothing; undefined when nobody asks that one. */
export function peopleWithoutHash({ chosen }: Plan): number | undefined {
  const some = chosen.filter(({ withoutHash }) => withoutHash)
  return some.length === 0 ? undefined : crowdOf(some)
}
