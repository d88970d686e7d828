// Owns client-initiated backchannel authentication (OpenID Connect CIBA Core 1.0) as oidc-provider runs it: whom an app
// may ask, and with which words. What the person answers is console/ask-pages.ts.
import type { Account, Client, Configuration, KoaContextWithOIDC } from 'oidc-provider'
import { errors } from 'oidc-provider'
import { limits } from '../config/limits.ts'
import type { AskedPerson, Asks } from '../features/crossdevice/ask-service.ts'
import { isId } from '../kernel/secrets.ts'
import type { Clock } from '../kernel/time.ts'
import { isKeepable } from './parameters.ts'

export type CibaDeps = {
  asks: Pick<Asks, 'mayAsk' | 'begin'>
  accounts: {
    findByIdentifier: (identifier: string) => Promise<AskedPerson | null>
    findById: (id: string) => Promise<AskedPerson | null>
  }
  clock: Clock
}

export const cibaRoutes = { backchannel_authentication: '/oauth2/ciba' }

type Feature = NonNullable<NonNullable<Configuration['features']>['ciba']>

/** CIBA §7.1: plain and short, as it is read on two screens at once. */
const bindingMessage = /^[\p{L}\p{M}\p{N}\p{P}\p{Sc}\p{Sm} ]{1,64}$/u

type Asking = { params?: Record<string, unknown> }

/** CIBA §7.1 `requested_expiry`, within bounds. */
export const askTtlSeconds = (_ctx: unknown, { params }: Asking): number =>
  Math.min(Number(params?.requested_expiry ?? limits.askTtlSeconds), limits.askMostSeconds)

export function createCibaFeature({ asks, accounts, clock }: CibaDeps): Feature {
  async function processLoginHint(
    _ctx: KoaContextWithOIDC,
    hint: string | undefined,
  ): Promise<string | undefined> {
    if (hint === undefined || !isKeepable(hint)) return undefined
    return isId(hint) ? hint : (await accounts.findByIdentifier(hint))?.id
  }

  async function personOf({ accountId }: Pick<Account, 'accountId'>): Promise<AskedPerson> {
    const person = await accounts.findById(accountId)
    if (!person) throw new errors.UnknownUserId('could not identify end-user')
    return person
  }

  async function triggerAuthenticationDevice(
    ctx: KoaContextWithOIDC,
    _request: unknown,
    account: Account,
    client: Client,
  ): Promise<void> {
    const answer = ctx.body as { auth_req_id: string; expires_in: number; interval?: number }
    const { client_notification_token: token } = ctx.oidc.params ?? {}
    asks.begin(await personOf(account), {
      code: answer.auth_req_id,
      clientId: client.clientId,
      app: client.clientName ?? client.clientId,
      exp: clock.seconds() + answer.expires_in,
      ...(typeof token === 'string' && { notificationToken: token }),
    })
    answer.interval = limits.pollIntervalSeconds
  }

  return {
    enabled: true,
    deliveryModes: ['poll', 'ping'],
    processLoginHint,
    async processLoginHintToken() {
      throw new errors.InvalidRequest('login_hint_token is not supported')
    },
    async validateBindingMessage(_ctx, message) {
      if (message !== undefined && !bindingMessage.test(message))
        throw new errors.InvalidBindingMessage('at most 64 letters, digits, spaces and punctuation marks')
    },
    validateRequestContext: async () => undefined,
    // Nobody has a code for this. It is the step at which the person is known and nothing has been kept yet.
    async verifyUserCode(_ctx, account) {
      if (await asks.mayAsk(await personOf(account))) return
      throw new errors.AccessDenied('this person was asked too often, try again later')
    },
    triggerAuthenticationDevice,
  }
}
