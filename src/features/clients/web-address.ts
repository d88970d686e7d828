// Owns which addresses of the web a registration may name.
import { z } from 'zod'
import { isLoopback, isPlainHost } from './redirects.ts'

export const webAddress = z
  .string()
  .max(2048)
  .refine(isWebAddress, 'must be an https address, or an http one on loopback')

export function isWebAddress(text: string): boolean {
  const url = URL.parse(text)
  if (url?.username !== '' || url.password !== '' || !isPlainHost(url.hostname)) return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))
}
