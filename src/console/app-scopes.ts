// Owns how what an app was given is said on the page of apps: in the words of the consent page. Scopes of APIs have
// names of their own and are shown by them.
import type { Said } from '../web/views.ts'

const sentences = {
  openid: { key: 'consent.know_you' },
  profile: { key: 'account.app_profile' },
  email: { key: 'consent.claim.email' },
  phone: { key: 'consent.claim.phone_number' },
  address: { key: 'consent.claim.address' },
  teams: { key: 'consent.claim.teams' },
  roles: { key: 'consent.claim.roles' },
  offline_access: { key: 'consent.offline_access' },
} as const satisfies Record<string, Said>

const isKnown = (scope: string): scope is keyof typeof sentences => Object.hasOwn(sentences, scope)

export function inPlainWords(scopes: readonly string[]): { words: Said[]; apiScopes: string[] } {
  return {
    words: scopes.filter(isKnown).map((scope) => sentences[scope]),
    apiScopes: scopes.filter((scope) => !isKnown(scope)),
  }
}
