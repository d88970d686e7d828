// Owns what a host name or address tells about where it leads: this machine, a private network, or the world.
// Resolving names is nobody's business here; guarding outgoing calls is platform/outbound.ts.
import { BlockList, isIP } from 'node:net'

type Network = readonly [address: string, prefixLength: number]

const loopback: readonly Network[] = [
  ['127.0.0.0', 8],
  ['::1', 128],
]

const privateRanges: readonly Network[] = [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
  ['fc00::', 7],
  ['fe80::', 10],
]

// URLs put IPv6 addresses into brackets.
const bare = (host: string): string => host.replace(/^\[(.*)\]$/, '$1').toLowerCase()

const familyOf = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4')

function isIn(networks: readonly Network[], host: string): boolean {
  if (isIP(host) === 0) return false
  const list = new BlockList()
  for (const [address, prefixLength] of networks) list.addSubnet(address, prefixLength, familyOf(address))
  return list.check(host, familyOf(host))
}

/** 127.0.0.0/8, ::1, localhost and names below it (RFC 6761 §6.3). */
export function isLoopbackHost(host: string): boolean {
  const name = bare(host)
  return name === 'localhost' || name.endsWith('.localhost') || isIn(loopback, name)
}

/** Hosts that no stranger reaches: loopback, private ranges, and the names reserved for tests and intranets. */
export function isTestBenchHost(host: string): boolean {
  const name = bare(host)
  return isLoopbackHost(name) || isIn(privateRanges, name) || /\.(test|internal)$/.test(name)
}
