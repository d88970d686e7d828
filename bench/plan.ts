// Owns what a run is going to do: which scenarios and studies, for how many people, and how long.
import { peopleBesides, stageBesideSignIns } from './beside-sign-ins.ts'
import type { Effort, Stage } from './effort.ts'
import type { Options } from './options.ts'
import { peopleWhoRefresh, stageOfForms } from './refresh-in-postgres.ts'
import { type Scenario, scenarios } from './scenarios.ts'

export type Plan = {
  chosen: Scenario[]
  /** Goal 5 and goal 9: undefined when not asked for. */
  forms: Stage | undefined
  beside: Stage | undefined
}

export function planRun({ effort, isWanted }: Pick<Options, 'effort' | 'isWanted'>): Plan {
  const wanted = (stage: Stage) => (isWanted(stage.name) ? stage : undefined)
  return {
    chosen: scenarios.filter(({ name }) => isWanted(name)),
    forms: wanted(stageOfForms(effort)),
    beside: wanted(stageBesideSignIns(effort)),
  }
}

export function stagesOf({ chosen, forms, beside }: Plan, { seconds }: Effort): Stage[] {
  const rows = chosen.map(({ name, floor, library }) => {
    const cells = 1 + (floor ? 1 : 0) + (library ? 1 : 0)
    return { name, warmUps: cells, measuredSeconds: cells * seconds }
  })
  return [...rows, ...(forms ? [forms] : []), ...(beside ? [beside] : [])]
}

const crowdOf = (some: Scenario[]) =>
  Math.max(0, ...some.map(({ people, connections }) => (people ? connections : 0)))

/** How many people need an account at Foyer. */
export const peopleOf = ({ chosen, forms, beside }: Plan): number =>
  Math.max(
    crowdOf(chosen.filter(({ withoutHash }) => !withoutHash)),
    forms ? peopleWhoRefresh : 0,
    beside ? peopleBesides : 0,
  )

/** The same at the Foyer that hashes nothing; undefined when nobody asks that one. */
export function peopleWithoutHash({ chosen }: Plan): number | undefined {
  const some = chosen.filter(({ withoutHash }) => withoutHash)
  return some.length === 0 ? undefined : crowdOf(some)
}
