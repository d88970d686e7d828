// Owns what oidc-provider's events become: facts of the audit log and counts of the metrics.
import type { KoaContextWithOIDC, Provider } from 'oidc-provider'
import type { Artifacts } from '../features/artifacts/service.ts'
import { currentUnit, stage } from '../features/artifacts/unit-of-work.ts'
import type { Audit, AuditEvent } from '../features/audit/service.ts'
import { accessPrompt } from './policy.ts'
import { hasSignedOut } from './sign-out.ts'

export type EventsDeps = {
  artifacts: Pick<Artifacts, 'endReused'>
  audit: Pick<Audit, 'recordWrite'>
  /** One more token response of this grant type. */
  countTokens: (grantType: string) => void
}

function about(ctx: KoaContextWithOIDC): Pick<AuditEvent, 'requestId' | 'address' | 'clientId'> {
  const clientId = ctx.oidc.client?.clientId
  return {
    requestId: ctx.state.requestId,
    address: ctx.state.address,
    ...(clientId !== undefined && { clientId }),
  }
}

const stranger = { kind: 'stranger' } as const

export function listen(provider: Provider, { artifacts, audit, countTokens }: EventsDeps): void {
  const record = (event: AuditEvent) => stage(currentUnit(), audit.recordWrite(event))

  function recordDecision(ctx: KoaContextWithOIDC, type: 'consent.granted' | 'consent.denied'): void {
    const accountId = ctx.oidc.session?.accountId
    const actor = accountId === undefined ? stranger : ({ kind: 'account', id: accountId } as const)
    const scope = String(ctx.oidc.params?.scope ?? '')
    record({ ...about(ctx), type, actor, ...(accountId !== undefined && { accountId }), details: { scope } })
  }

  // What oidc-provider answers with 500: for the log, and for unit.ts, which knows a database that is away.
  provider.on('server_error', (ctx, error) => {
    ctx.state.failure = error
  })

  provider.on('grant.success', (ctx) => {
    countTokens(String(ctx.oidc.params?.grant_type))
  })

  provider.on('grant.revoked', (ctx, grantId) => {
    // The end of a session ends its grants too, and is a fact by itself.
    if (ctx.oidc.route !== 'token' && ctx.oidc.route !== 'revocation') return
    const accountId = ctx.oidc.entities.Account?.accountId ?? ctx.oidc.entities.Grant?.accountId
    const person = accountId === undefined ? {} : { accountId }
    if (ctx.oidc.route === 'revocation') {
      const actor = { kind: 'client', id: ctx.oidc.client?.clientId ?? '' } as const
      return record({ ...about(ctx), type: 'token.revoked', actor, ...person })
    }
    // A grant is revoked by the token endpoint only when something spent was presented again.
    const fact = { ...about(ctx), type: 'token.reuse_detected', actor: stranger, ...person } as const
    artifacts.endReused(grantId, audit.recordWrite(fact))
  })

  provider.on('authorization.success', (ctx) => {
    if (ctx.oidc.result?.consent) recordDecision(ctx, 'consent.granted')
  })
  provider.on('authorization.error', (ctx) => {
    const { Interaction: asked } = ctx.oidc.entities
    if (asked?.result?.error === 'access_denied' && asked.prompt.name !== accessPrompt)
      recordDecision(ctx, 'consent.denied')
  })

  provider.on('interaction.started', (ctx, prompt) => {
    const accountId = ctx.oidc.session?.accountId
    if (prompt.name !== accessPrompt || accountId === undefined) return
    record({
      ...about(ctx),
      type: 'client.access_refused',
      actor: { kind: 'account', id: accountId },
      accountId,
    })
  })

  provider.on('end_session.success', (ctx) => {
    const accountId = ctx.oidc.session?.accountId
    if (accountId === undefined || !hasSignedOut(ctx)) return
    record({ ...about(ctx), type: 'session.ended', actor: { kind: 'account', id: accountId }, accountId })
  })
}
