// Owns what no parameter of the protocol may hold, whichever endpoint it is for: text that PostgreSQL cannot keep.
import type Koa from 'koa'
import { AppError } from '../kernel/errors.ts'

/** Neither NUL nor half a surrogate pair, and no longer than any id or address that is registered. */
export const isKeepable = (text: string): boolean =>
  text.length <= 4096 && !text.includes('\0') && text.isWellFormed()

/** The same of everything inside a signed request, however deep. */
export const isKeepableJson = (value: object): boolean =>
  !unkeepableEscape.test(JSON.stringify(value).replaceAll('\\\\', ''))

// In the JSON of the claims parameter the same characters hide behind escapes; no name of a claim needs those.
const unkeepableEscape = /\\u(?:0000|d[89a-f])/i

/** In front of a provider: a query with such text is refused before anything else is read of it. */
export function assertKeepableQuery(ctx: Koa.Context): void {
  if (ctx.querystring === '') return
  const claims = [ctx.query.claims ?? []].flat().join()
  if (/%00/.test(ctx.querystring) || unkeepableEscape.test(claims))
    throw new AppError('invalid', 'invalid_request')
}
