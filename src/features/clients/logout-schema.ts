// Owns what a registration says of signing out: OpenID Connect Back-Channel Logout 1.0 §2.2.
import { z } from 'zod'
import { refusalOf } from '../../platform/outbound.ts'
import { webAddress } from './web-address.ts'

// Where its name leads is looked at each time it is called; what is private by itself need not be kept.
const calledAddress = webAddress
  .refine((text) => !text.includes('#'), 'must not contain a fragment')
  .refine(
    (text) => !URL.canParse(text) || refusalOf(new URL(text), { testHooks: true }) === undefined,
    'must not be in a private network',
  )

export const logoutFields = {
  backchannel_logout_uri: calledAddress.optional(),
  /** A client with such an address always gets a `sid`. */
  backchannel_logout_session_required: z.boolean().optional(),
}
