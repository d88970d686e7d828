// Owns what a registration says of signing out: OpenID Connect Back-Channel Logout 1.0 §2.2 and Front-Channel Logout
// 1.0 §2.
import { z } from 'zod'
import { calledAddress, withoutFragment } from './web-address.ts'

export const logoutFields = {
  backchannel_logout_uri: calledAddress.optional(),
  /** A client with such an address always gets a `sid`. */
  backchannel_logout_session_required: z.boolean().optional(),
  frontchannel_logout_uri: withoutFragment.optional(),
  frontchannel_logout_session_required: z.boolean().optional(),
}

type Registration = { frontchannel_logout_uri?: string | undefined; redirect_uris: string[] }

const originOf = (uri: string): string | undefined => URL.parse(uri)?.origin

/** Front-Channel Logout 1.0 §2: the page of a stranger must not be loaded in the app's name. */
export function logoutContradictions({
  frontchannel_logout_uri: uri,
  redirect_uris,
}: Registration): ['frontchannel_logout_uri', string][] {
  if (uri === undefined || redirect_uris.some((each) => originOf(each) === originOf(uri))) return []
  return [['frontchannel_logout_uri', 'must be at the origin of one of the redirect_uris']]
}
