// Owns which addresses of the web a registration may name.
import { z } from 'zod'
import { refusalOf } from '../../platform/outbound.ts'
import { isLoopback, isPlainHost } from './redirects.ts'

export const webAddress = z
  .string()
  .max(2048)
  .refine(isWebAddress, 'must be an https address, or an http one on loopback')

export const withoutFragment = webAddress.refine((text) => !text.includes('#'), 'must not contain a fragment')

/**
 * One that Foyer itself calls. Where its name leads is looked at each time; what is private by itself need not be kept.
 * Loopback is for test benches.
 */
export const calledAddress = withoutFragment.refine(
  (text) => !URL.canParse(text) || refusalOf(new URL(text), { testHooks: true }) === undefined,
  'must not be in a private network',
)

export function isWebAddress(text: string): boolean {
  const url = URL.parse(text)
  if (url?.username !== '' || url.password !== '' || !isPlainHost(url.hostname)) return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))
}
