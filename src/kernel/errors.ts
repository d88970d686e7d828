// Owns the one error class of Foyer and the constructors of its refusals.
// What a client sees of them is decided in web/problem.ts alone.

export type Kind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'gone'
  | 'rate_limited'
  | 'unavailable'

export type FieldError = { pointer: string; code: string; detail: string }

export type Details = {
  /** Seconds until a retry makes sense; becomes Retry-After. */
  retryAfterSeconds?: number
  errors?: FieldError[]
  [key: string]: unknown
}

export class AppError extends Error {
  readonly kind: Kind
  readonly code: string
  readonly details: Details

  constructor(
    kind: Kind,
    code: string,
    { details = {}, cause }: { details?: Details; cause?: unknown } = {},
  ) {
    super(code, { cause })
    this.name = 'AppError'
    this.kind = kind
    this.code = code
    this.details = details
  }
}

export const invalidInput = (errors: FieldError[]) =>
  new AppError('invalid', 'invalid_input', { details: { errors } })
/** Named after the rule that it breaks, since apps say each in words of their own. */
export const refusedPassword = (refusal: FieldError) =>
  new AppError('invalid', refusal.code, { details: { errors: [refusal] } })
/** Unknown email and wrong password alike. */
export const invalidCredentials = () => new AppError('unauthenticated', 'invalid_credentials')
export const notFound = (code = 'not_found') => new AppError('not_found', code)
export const forbidden = (code = 'forbidden') => new AppError('forbidden', code)
export const conflict = (code: string, cause?: unknown) => new AppError('conflict', code, { cause })
/** RFC 9110 §13.1.1: what was to be changed is not the version that If-Match named. */
export const preconditionFailed = () => new AppError('conflict', 'precondition_failed')
export const gone = (code: string) => new AppError('gone', code)
export const rateLimited = (retryAfterSeconds: number) =>
  new AppError('rate_limited', 'rate_limited', { details: { retryAfterSeconds } })
/** Something Foyer depends on is down or full: a later try may succeed. */
export const unavailable = (code: string, cause?: unknown) =>
  new AppError('unavailable', code, { details: { retryAfterSeconds: 1 }, cause })
