// Owns who a request comes from: the socket's address, or the one that our own proxies saw.
// Nothing else reads X-Forwarded-For, and nothing reads Forwarded, X-Real-IP or koa's ctx.ip.
import { isIP } from 'node:net'

export type ClientAddress = {
  address: string
  /** X-Forwarded-For was too short or not an address where our proxies should have written one, or no proxy sent it. */
  distrusted: boolean
}

/** Counted from the right, since only what our own proxies appended can be believed. */
export function clientAddress(socketAddress: string, forwardedFor: string, hops: number): ClientAddress {
  const socket = normalizeAddress(socketAddress) ?? socketAddress
  if (hops === 0) return { address: socket, distrusted: false }
  const entries = forwardedFor === '' ? [] : forwardedFor.split(',')
  const address = normalizeAddress(entries.at(-hops)?.trim() ?? '')
  return address ? { address, distrusted: false } : { address: socket, distrusted: true }
}

/** One spelling per address: IPv4-mapped IPv6 becomes IPv4, IPv6 its shortest form; undefined when it is neither. */
export function normalizeAddress(text: string): string | undefined {
  const version = isIP(text)
  if (version === 4) return text
  if (version !== 6) return undefined
  const groups = groupsOf(text)
  const [high = 0, low = 0] = groups.slice(6)
  const mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff
  if (mapped) return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.')
  // The URL class writes IPv6 as RFC 5952 wants it; the zone of a link-local address plays no part.
  return new URL(`http://[${withoutZone(text)}]/`).hostname.slice(1, -1)
}

/** The part that one household or machine cannot change at will: /32 of IPv4, /64 of IPv6 (RFC 6177). */
export function addressPrefix(address: string): string {
  const normal = normalizeAddress(address)
  if (normal === undefined) return address
  if (isIP(normal) === 4) return `${normal}/32`
  const network = groupsOf(normal).slice(0, 4)
  return `${network.map((group) => group.toString(16)).join(':')}::/64`
}

const withoutZone = (text: string): string => text.split('%', 1)[0] ?? text

// The eight 16-bit groups of an IPv6 address, a dotted IPv4 tail included.
function groupsOf(text: string): number[] {
  const dotted = withoutZone(text).replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) => {
    const pair = (high: string, low: string) => ((Number(high) << 8) | Number(low)).toString(16)
    return `${pair(a, b)}:${pair(c, d)}`
  })
  const [head = '', tail] = dotted.split('::')
  const parse = (part: string) =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16))
  const left = parse(head)
  if (tail === undefined) return left
  const right = parse(tail)
  return [...left, ...Array.from({ length: 8 - left.length - right.length }, () => 0), ...right]
}
