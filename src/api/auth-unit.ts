// Owns the unit of work around every request of the JSON door: committed before the answer leaves, and what is
// answered when another request was first.
import type Koa from 'koa'
import type { Artifacts } from '../features/artifacts/service.ts'
import { inUnit, newUnit, type Unit } from '../features/artifacts/unit-of-work.ts'
import { AppError, conflict } from '../kernel/errors.ts'

export function doorUnit({ artifacts }: { artifacts: Pick<Artifacts, 'commit'> }): Koa.Middleware {
  const commit = (unit: Unit, refused: boolean) => inUnit(unit, () => artifacts.commit(unit, { refused }))

  return async function doorUnit(ctx, next) {
    // Credentials are in nearly every answer (RFC 6749 §5.1).
    ctx.set('Cache-Control', 'no-store')
    ctx.state.wants = 'json'
    const unit = newUnit({
      requestId: ctx.state.requestId,
      address: ctx.state.address,
      userAgent: ctx.get('User-Agent'),
    })
    try {
      await inUnit(unit, next)
    } catch (error) {
      ctx.remove('Set-Cookie')
      // What was counted, noted and revoked stays; a database that is away would not take it.
      if (error instanceof AppError && error.kind !== 'unavailable') await commit(unit, true)
      throw error
    }
    const outcome = await commit(unit, false)
    if (outcome === 'committed') return
    ctx.remove('Set-Cookie')
    throw outcome === 'reused' ? new AppError('unauthenticated', 'invalid_token') : conflict('conflict')
  }
}
