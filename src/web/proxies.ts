// Owns which peers are our own proxies, whose word about a client is believed. What they say is read by address.ts and
// oidc/client-certificates.ts.
import { BlockList, isIP } from 'node:net'
import { normalizeAddress } from './address.ts'

const familyOf = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4')

/** Of addresses and networks as the setting names them; whoever connects is one when nobody was named. */
export function createProxyCheck(named: readonly string[] | undefined): (peer: string) => boolean {
  if (!named) return () => true
  const list = new BlockList()
  for (const network of named) {
    const [address = '', prefix] = network.split('/')
    if (prefix === undefined) list.addAddress(address, familyOf(address))
    else list.addSubnet(address, Number(prefix), familyOf(address))
  }
  return (peer) => {
    const address = normalizeAddress(peer)
    return address !== undefined && list.check(address, familyOf(address))
  }
}
