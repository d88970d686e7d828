// Owns what names an API and its scopes may be.
import { z } from 'zod'

// RFC 6749 §3.3: scope-token.
const scope = z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/, 'must be one scope')
export const ApiScopes = z.array(scope).max(200)

/** RFC 8707 §2. */
export const ApiIdentifier = z
  .string()
  .regex(/^[\x21-\x7e]{1,200}$/, 'must be an id')
  .refine(
    (text) => URL.canParse(text) && !text.includes('#'),
    'must be an absolute URI without a fragment, percent-encoded',
  )
