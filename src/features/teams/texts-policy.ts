// Owns what a team may be called, in its short name, its name and its description. Pure.
import { type FieldError, invalidInput } from '../../kernel/errors.ts'
import { isShowable } from '../../kernel/shown-text.ts'
import type { ChangeTeam } from './schema.ts'

const slugShape = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const longestName = 200
const longestDescription = 2000

/** What was given, without the space around it; throws with everything that is wrong. */
export function readTexts<Input extends ChangeTeam>(input: Input): Input {
  const errors: FieldError[] = []
  const { slug, name: rawName, description: rawDescription } = input
  const name = rawName?.trim()
  const description = rawDescription?.trim()
  if (slug !== undefined && !slugShape.test(slug)) {
    const detail = 'Use lower-case letters, digits and hyphens, 63 characters at most.'
    errors.push({ pointer: '/slug', code: 'slug_invalid', detail })
  }
  if (name !== undefined && (name === '' || name.length > longestName || !isShowable(name))) {
    const detail = `Give a name of at most ${longestName} characters.`
    errors.push({ pointer: '/name', code: 'name_invalid', detail })
  }
  if (
    description !== undefined &&
    (description.length > longestDescription || !isShowable(description.replaceAll(/\r?\n/g, ' ')))
  ) {
    const detail = `Give a description of at most ${longestDescription} characters.`
    errors.push({ pointer: '/description', code: 'description_invalid', detail })
  }
  if (errors.length > 0) throw invalidInput(errors)
  return {
    ...input,
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description: description === '' ? null : description }),
  }
}
