// Owns what a run is going to do: which scenarios and studies, for how many people, and how long.
import type { Effort, Stage } from './effort.ts'
import type { Options } from './options.ts'
import { peopleWhoRefresh, stageOfForms } from './refresh-in-postgres.ts'
import { type Scenario, scenarios } from './scenarios.ts'

export type Plan = {
  chosen: Scenario[]
  /** Goal 5; undefined when not asked for. */
  forms: Stage | undefined
}

export function planRun({ effort, isWanted }: Pick<Options, 'effort' | 'isWanted'>): Plan {
  const wanted = (stage: Stage) => (isWanted(stage.name) ? stage : undefined)
  return {
    chosen: scenarios.filter(({ name }) => isWanted(name)),
    forms: wanted(stageOfForms(effort)),
  }
}

export function stagesOf({ chosen, forms }: Plan, { seconds }: Effort): Stage[] {
  const rows = chosen.map(({ name, floor, library }) => {
    const cells = 1 + (floor ? 1 : 0) + (library ? 1 : 0)
    return { name, warmUps: cells, measuredSeconds: cells * seconds }
  })
  return [...rows, ...(forms ? [forms] : [])]
}

const crowdOf = (some: Scenario[]) =>
  Math.max(0, ...some.map(({ people, connections }) => (people ? connections : 0)))

/** How many people need an account at Foyer. */
export const peopleOf = ({ chosen, forms }: Plan): number =>
  Math.max(crowdOf(chosen.filter(({ withoutHash }) => !withoutHash)), forms ? peopleWhoRefresh : 0)

/** The same at the Foyer that hashes nothing; undefined when nobody asks that one. */
export function peopleWithoutHash({ chosen }: Plan): number | undefined {
  const some = chosen.filter(({ withoutHash }) => withoutHash)
  return some.length === 0 ? undefined : crowdOf(some)
}
