// Owns the refusal of methods that a path of ours does not have. Those of the protocol are oidc/methods.ts.
import type Koa from 'koa'
import { AppError } from '../kernel/errors.ts'

/** The last route of a path, for whatever none before it has taken. */
export function otherMethods(...allowed: readonly string[]): (ctx: Koa.Context) => never {
  return (ctx) => {
    ctx.set('Allow', allowed.join(', '))
    throw new AppError('invalid', 'method_not_allowed')
  }
}
