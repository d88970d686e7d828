// Owns what can become of one line of an import, and the words for a refusal.
import { AppError } from '../../kernel/errors.ts'

export type Refusal = { refused: string }
export type Outcome = 'created' | 'unchanged' | Refusal

/** What is to be written, or why nothing is. */
export type Plan<Row> = { row: Row } | { outcome: Exclude<Outcome, 'created'> }

export const refused = (reason: string): { outcome: Refusal } => ({ outcome: { refused: reason } })
export const unchanged = { outcome: 'unchanged' } as const

/** Nothing that is there is written over: a line that says something else is refused. */
export const standsOrDiffers = (subject: string, differences: readonly string[]) =>
  differences.length === 0
    ? unchanged
    : refused(`${subject} exists, and differs in ${differences.join(', ')}`)

export const rowsOf = <Row>(plans: readonly Plan<Row>[]): Row[] =>
  plans.flatMap((plan) => ('row' in plan ? [plan.row] : []))

/** After the writing: what went in is known by its id, the rest met somebody who was quicker. */
export const outcomesOf = <Row extends { id: string }>(
  plans: readonly Plan<Row>[],
  inserted: ReadonlySet<string>,
): Outcome[] =>
  plans.map((plan) => {
    if (!('row' in plan)) return plan.outcome
    return inserted.has(plan.row.id) ? 'created' : { refused: 'was taken by somebody else at this moment' }
  })

/** The reason behind a refusal of the readers; what is none of theirs is thrown on. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof AppError) || error.kind !== 'invalid') throw error
  const fields = error.details.errors ?? []
  if (fields.length === 0) return 'is not one plain JSON object'
  return fields.map(({ pointer, detail }) => (pointer === '' ? detail : `${pointer}: ${detail}`)).join('; ')
}
