// Owns what a device, or an app without a browser, gets when a person lets it in: what the page says of it, what the
// grant holds, and what its code is worth from then on. Who may decide is features/crossdevice.

import type Koa from 'koa'
import type { Client, Provider, Session } from 'oidc-provider'
import type { Claims } from '../features/accounts/claims.ts'
import type { Payload } from '../features/artifacts/kinds.ts'
import { currentUnit, stage } from '../features/artifacts/unit-of-work.ts'
import type { Audit } from '../features/audit/service.ts'
import { isByMailAlone } from '../features/authn/next-step.ts'
import type { KnownDetailType } from '../features/clients/authorization-details.ts'
import type { CrossDevice, HeldRequest } from '../features/crossdevice/service.ts'
import type { Clock } from '../kernel/time.ts'
import type { Translator } from '../platform/i18n.ts'
import type { ConsentPage } from '../web/views.ts'
import { consentPage, denied, type FindResource, grantAll } from './consent.ts'

export type DeviceApprovalDeps = {
  provider: () => Provider
  crossDevice: Pick<CrossDevice, 'decide'>
  claimsOf: (accountId: string) => Promise<Claims | undefined>
  isAdmitted: (client: Client, accountId: string) => Promise<boolean>
  findResource: FindResource
  detailTypes: () => readonly KnownDetailType[]
  audit: Pick<Audit, 'recordWrite'>
  clock: Clock
}

export type AskedElsewhere = Omit<ConsentPage, 'action' | 'redirectHost'> & {
  /** The client is not for this person: whom they may ask. */
  closed?: { contacts: readonly string[] }
}
export type DeviceApproval = ReturnType<typeof createDeviceApproval>

type Params = Record<string, string | undefined>
const paramsOf = ({ payload }: HeldRequest): Params => Object(payload.params)

/** OIDC Core §5.5, with what `max_age` and `acr_values` ask for besides. */
function claimsAsked({ claims, max_age, acr_values }: Params, requireAuthTime: boolean): object | undefined {
  const asked: { id_token?: Record<string, unknown> } = claims === undefined ? {} : JSON.parse(claims)
  const implied = {
    ...((max_age !== undefined || requireAuthTime) && { auth_time: { essential: true } }),
    ...(acr_values && { acr: { values: acr_values.split(' ') } }),
  }
  if (Object.keys(implied).length > 0) asked.id_token = { ...asked.id_token, ...implied }
  return Object.keys(asked).length > 0 ? asked : undefined
}

export function createDeviceApproval(deps: DeviceApprovalDeps) {
  const { provider, crossDevice, audit, clock } = deps

  async function clientOf({ payload }: HeldRequest): Promise<Client | undefined> {
    return provider().Client.find(String(payload.clientId))
  }

  /** What the page asks; nothing when the client or the person is gone. */
  async function ask(request: HeldRequest, translator: Translator): Promise<AskedElsewhere | undefined> {
    const client = await clientOf(request)
    const person = await deps.claimsOf(request.accountId)
    if (!client || !person) return undefined
    const interaction = { params: paramsOf(request) }
    const {
      redirectHost: _,
      action: __,
      ...asked
    } = await consentPage({ action: '', interaction, client, translator }, person, deps)
    const isOpen = await deps.isAdmitted(client, request.accountId)
    return {
      ...asked,
      ...(!isOpen && { closed: { contacts: client.contacts ?? [] } }),
    }
  }

  /** The sign-in is too old, or of a kind that this client does not take: the person proves it once more. */
  async function needsSignIn(ctx: Koa.Context, request: HeldRequest): Promise<boolean> {
    const session = await provider().Session.get(ctx)
    const { max_age } = paramsOf(request)
    const signedInAt = session.authTime() ?? 0
    const isRecent =
      max_age === undefined ||
      clock.seconds() - signedInAt <= Number(max_age) ||
      signedInAt * 1000 >= request.createdAt.getTime()
    const client = await clientOf(request)
    return !isRecent || (client?.email_methods === false && isByMailAlone(session.amr))
  }

  function record(ctx: Koa.Context, type: 'consent.granted' | 'consent.denied', request: HeldRequest): void {
    const { accountId, payload } = request
    const { requestId, address } = ctx.state
    const event = {
      type,
      actor: { kind: 'account', id: accountId },
      accountId,
      clientId: String(payload.clientId),
      requestId,
      address,
      details: {
        scope: String(paramsOf(request).scope ?? ''),
        via: request.kind === 'DeviceCode' ? 'device' : 'ciba',
      },
    } as const
    stage(currentUnit(), audit.recordWrite(event))
  }

  /**
   * In the unit of work of the page; `proof` in place of this browser's session. The device is signed in by itself,
   * whatever becomes of this browser's session.
   */
  async function allow(ctx: Koa.Context, request: HeldRequest, proof?: Payload): Promise<void> {
    const client = await clientOf(request)
    if (!client) return deny(ctx, request)
    const { accountId } = request
    const params = paramsOf(request)
    const interaction = { params, grantId: undefined }
    const grantId = await grantAll(provider(), { interaction, client, accountId }, deps.findResource)
    const proven = proof ?? provenBy(await provider().Session.get(ctx))
    const scope = await grantedScope(grantId, params)
    crossDevice.decide(request, {
      accountId,
      grantId,
      scope,
      ...proven,
      ...detailsOf(client, params),
    })
    record(ctx, 'consent.granted', request)
  }

  async function grantedScope(grantId: string, { scope = '', resource }: Params): Promise<string> {
    const grant = await provider().Grant.find(grantId)
    const asked = new Set(scope.split(' '))
    const parts = [grant?.getOIDCScopeFiltered(asked)]
    for (const each of [resource ?? []].flat()) parts.push(grant?.getResourceScopeFiltered(each, asked))
    return parts.filter(Boolean).join(' ')
  }

  function deny(ctx: Koa.Context, request: HeldRequest): void {
    crossDevice.decide(request, { error: denied.error, errorDescription: denied.error_description })
    record(ctx, 'consent.denied', request)
  }

  return { ask, needsSignIn, allow, deny, paramsOf }
}

function provenBy(session: Session): Payload {
  const { acr, amr } = session
  return { ...(acr !== undefined && { acr }), ...(amr && { amr }), authTime: session.authTime() }
}

function detailsOf(client: Client, params: Params): Payload {
  const claims = claimsAsked(params, client.requireAuthTime === true)
  const resource = [params.resource ?? []].flat()
  return {
    ...(claims && { claims }),
    ...(resource.length > 0 && { resource: resource.length === 1 ? resource[0] : resource }),
  }
}
