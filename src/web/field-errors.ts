// Owns how a refused field is said on a page: the sentence of its code, in the reader's language. The English detail
// that comes with it is for programs.
import { limits } from '../config/limits.ts'
import type { AppError } from '../kernel/errors.ts'
import type { PageError, Said } from './views.ts'

export type FieldErrorsDeps = { minLength: number }

/** What a refusal of input says about each field. Fields are named as in the form: `/password` is `password`. */
export function pageErrorsOf(error: AppError, { minLength }: FieldErrorsDeps): PageError[] {
  return (error.details.errors ?? []).map(({ pointer, code }) => ({
    field: pointer.slice(1),
    text: sentenceOf(code, minLength),
  }))
}

function sentenceOf(code: string, minLength: number): Said {
  switch (code) {
    case 'name_missing':
    case 'email_invalid':
    case 'password_contains_name':
    case 'password_common':
    case 'password_leaked':
      return { key: `error.field.${code}` }
    case 'password_too_short':
      return { key: 'error.field.password_too_short', values: { minLength } }
    case 'password_too_long':
      return { key: 'error.field.password_too_long', values: { maxLength: limits.passwordMaxLength } }
    default:
      return { key: 'error.field.invalid' }
  }
}
