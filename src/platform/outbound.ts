// Owns every call that Foyer makes to an address somebody configured: https to public addresses, no redirects, small
// answers, soon. Mail has a way of its own, platform/mailer.
import { lookup } from 'node:dns'
import { request as plainRequest } from 'node:http'
import { type RequestOptions, request as secureRequest } from 'node:https'
import { BlockList, isIP, type LookupFunction, type Socket } from 'node:net'
import { isLoopbackHost } from '../config/hosts.ts'
import { seconds } from '../kernel/time.ts'

const patienceMs = seconds(3)
const longestAnswer = 256 * 1024

export type OutboundAnswer = {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: string
  /** The same as it came, for what is no text. */
  bytes: Buffer
}
export type OutboundCall = {
  method?: 'GET' | 'POST'
  headers?: Record<string, string>
  body?: string
  /** The status says it all: whatever else the other end sends, however long, is left there. */
  wants?: 'status'
  /** Of the answer, where less is enough. */
  mostBytes?: number
}
export type OutboundFetch = (url: string, call?: OutboundCall) => Promise<OutboundAnswer>

/** Why a call was not made or its answer not read. Says nothing of what stands at the other end. */
export class OutboundError extends Error {
  override name = 'OutboundError'
}

/**
 * A name is resolved once, for the connection itself, and what it leads to is checked before there is one; the address
 * that was connected to is looked at again before a byte is sent. No second answer of a name server leads elsewhere.
 */
export function createOutbound({
  testHooks,
  timeoutMs = patienceMs,
}: {
  /** Test benches live on this machine: loopback and plain http are open to them. */
  testHooks: boolean
  timeoutMs?: number
}): OutboundFetch {
  function check(url: URL): void {
    const refusal = refusalOf(url, { testHooks })
    if (refusal !== undefined) throw new OutboundError(refusal)
  }

  function checkAddress(address: string | undefined): void {
    if (address === undefined) throw new OutboundError('the connection has no address')
    if (!isOpenAddress(address, testHooks)) throw new OutboundError(`${address} is not a public address`)
  }

  /** Looks a name up once, for the connection itself, and hands over nothing that may not be called. */
  const guardedLookup: LookupFunction = (hostname, options, callback) => {
    lookup(hostname, options, (error, found, family) => {
      if (error) return callback(error, found, family)
      try {
        for (const each of typeof found === 'string' ? [found] : found) {
          checkAddress(typeof each === 'string' ? each : each.address)
        }
      } catch (refused) {
        return callback(refused as Error, found, family)
      }
      callback(null, found, family)
    })
  }

  return (text, call = {}) =>
    new Promise((resolve, reject) => {
      const url = new URL(text)
      check(url)
      const options: RequestOptions = {
        method: call.method ?? 'GET',
        // A pooled connection would be checked once only, and outlive a change of the name
        agent: false,
        lookup: guardedLookup,
        headers: { 'user-agent': 'Foyer', accept: '*/*', ...call.headers },
        signal: AbortSignal.timeout(timeoutMs),
      }
      const ask = url.protocol === 'https:' ? secureRequest : plainRequest
      const outgoing = ask(url, options)
      outgoing.on('error', reject)
      outgoing.on('socket', (socket) => guard(socket, () => outgoing.end(call.body)))
      outgoing.on('response', (incoming) => {
        const status = incoming.statusCode ?? 0
        const isRedirect = status >= 300 && status < 400
        const settle = (bytes: Buffer) =>
          resolve({ status, headers: incoming.headers, body: bytes.toString('utf8'), bytes })
        if (call.wants === 'status' && !isRedirect) {
          settle(Buffer.alloc(0))
          return void incoming.destroy()
        }
        const chunks: Buffer[] = []
        let size = 0
        incoming.on('data', (chunk: Buffer) => {
          size += chunk.length
          if (size > (call.mostBytes ?? longestAnswer))
            outgoing.destroy(new OutboundError('the answer is too long'))
          else chunks.push(chunk)
        })
        incoming.on('error', reject)
        incoming.on('end', () => {
          if (isRedirect) return reject(new OutboundError('a redirect is not followed'))
          settle(Buffer.concat(chunks))
        })
      })
    })

  function guard(socket: Socket, send: () => void): void {
    socket.once('connect', () => {
      try {
        checkAddress(socket.remoteAddress)
      } catch (error) {
        socket.destroy(error instanceof Error ? error : new OutboundError('refused'))
        return
      }
      send()
    })
  }
}

/** Why an address is never called, as far as it tells so itself; where its name leads is seen when it is called. */
export function refusalOf(url: URL, { testHooks }: { testHooks: boolean }): string | undefined {
  const isOpen = url.protocol === 'https:' || (testHooks && url.protocol === 'http:')
  if (!isOpen) return `${url.protocol} is not called`
  if (url.username !== '' || url.password !== '') return 'an address to call has no user'
  const literal = url.hostname.replace(/^\[|\]$/g, '')
  if (isIP(literal) !== 0 && !isOpenAddress(literal, testHooks)) return `${literal} is not a public address`
  if (isLoopbackHost(literal) && !testHooks) return `${literal} is this machine`
  return undefined
}

const isOpenAddress = (address: string, testHooks: boolean): boolean =>
  isPublicAddress(address) || (testHooks && isLoopbackAddress(address))

type Network = readonly [address: string, prefix: number, family: 'ipv4' | 'ipv6']

function networks(list: readonly Network[]): BlockList {
  const made = new BlockList()
  for (const network of list) made.addSubnet(...network)
  return made
}

// The IANA registries of special addresses (RFC 6890), and what carries an IPv4 address inside an IPv6 one.
const special = networks([
  ['0.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.0.0.0', 24, 'ipv4'],
  ['192.0.2.0', 24, 'ipv4'],
  ['192.31.196.0', 24, 'ipv4'],
  ['192.52.193.0', 24, 'ipv4'],
  ['192.88.99.0', 24, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['192.175.48.0', 24, 'ipv4'],
  ['198.18.0.0', 15, 'ipv4'],
  ['198.51.100.0', 24, 'ipv4'],
  ['203.0.113.0', 24, 'ipv4'],
  ['224.0.0.0', 3, 'ipv4'],
  ['2001::', 23, 'ipv6'],
  ['2001:db8::', 32, 'ipv6'],
  ['2002::', 16, 'ipv6'],
  ['2620:4f:8000::', 48, 'ipv6'],
  ['3fff::', 20, 'ipv6'],
])
// The rest of IPv6 is not for us: loopback, NAT64, unique local, link-local, multicast
const globalUnicast = networks([['2000::', 3, 'ipv6']])

/** An IPv4 address that is written as an IPv6 one is the IPv4 one. */
const plainOf = (address: string): string =>
  /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address.replace(/%.*$/, ''))?.[1] ?? address.replace(/%.*$/, '')

export function isPublicAddress(text: string): boolean {
  const address = plainOf(text)
  if (isIP(address) === 4) return !special.check(address, 'ipv4')
  return isIP(address) === 6 && globalUnicast.check(address, 'ipv6') && !special.check(address, 'ipv6')
}

const isLoopbackAddress = (text: string): boolean => {
  const address = plainOf(text)
  return address === '::1' || address.startsWith('127.')
}
