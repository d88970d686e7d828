// Owns what a client asks of a sign-in, read from its registration and from its request.
import type { Client, Interaction } from 'oidc-provider'
import type { Demand } from '../features/authn/next-step.ts'
import { isFirstParty } from './policy.ts'

type AcrRequest = { essential?: boolean; value?: string; values?: string[] }

export function demandOf({ client, interaction }: { client: Client; interaction: Interaction }): Demand {
  const { claims, prompt, scope } = interaction.params
  // oidc-provider has checked its shape.
  const requested = typeof claims === 'string' ? JSON.parse(claims) : {}
  const { essential, value, values } = (requested.id_token?.acr ?? {}) as AcrRequest
  const levels = [value ?? [], values ?? []].flat()
  return {
    emailMethods: client.email_methods !== false,
    ...(essential && levels.length > 0 && { levels }),
    asksProfile: namesOne(scope, 'profile') && isFirstParty(client) && !namesOne(prompt, 'consent'),
  }
}

/** In a list as OAuth writes it, with spaces between. */
const namesOne = (list: unknown, name: string): boolean =>
  typeof list === 'string' && list.split(' ').includes(name)
