// Calls to addresses that somebody configured: none reaches this machine or its neighbours (class U).

import { isIP, type LookupFunction } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createOutbound, isPublicAddress, OutboundError } from '../../src/platform/outbound.ts'
import { openTrap, type Trap } from '../support/trap.ts'
import { unreachableAddresses, unreachableHosts } from '../support/unreachable-hosts.ts'

const { answers } = vi.hoisted(() => ({ answers: new Map<string, string[]>() }))
/** A name server that answers for the names of a test, and the real one for the others. */
vi.mock('node:dns', async (load) => {
  const real = await load<typeof import('node:dns')>()
  const lookup: LookupFunction = (name, options, callback) => {
    const found = answers.get(name)?.map((address) => ({ address, family: isIP(address) || 6 }))
    if (found) callback(null, found)
    else real.lookup(name, { ...options, all: true }, callback)
  }
  return { ...real, lookup }
})

let trap: Trap
beforeAll(async () => {
  trap = await openTrap()
})
afterAll(() => trap.close())

describe('a call', () => {
  const fetch = createOutbound({ testHooks: false, timeoutMs: 2_000 })

  it.each(unreachableHosts)('does not reach https://%s', async (host) => {
    await expect(fetch(`https://${host}:${trap.port}/`)).rejects.toThrow()
    expect(trap.connections()).toBe(0)
  })

  it.each(unreachableAddresses)('does not follow a name to %s', async (address) => {
    answers.set('rebound.example', [address])
    answers.set('half.example', ['93.184.216.34', address])
    for (const name of ['rebound.example', 'half.example'])
      await expect(fetch(`https://${name}:${trap.port}/`)).rejects.toThrow('is not a public address')
    expect(trap.connections()).toBe(0)
  })

  it('looks at what a name leads to once more when it is called again', async () => {
    answers.set('moving.example', ['127.0.0.1'])
    const inside = createOutbound({ testHooks: true, timeoutMs: 2_000 })
    await expect(inside(`http://moving.example:${trap.port}/`)).rejects.toThrow('socket hang up')
    expect(trap.connections()).toBe(1)
    answers.set('moving.example', ['192.168.1.1'])
    await expect(inside(`http://moving.example:${trap.port}/`)).rejects.toThrow('is not a public address')
  })

  it.each([
    'http://example.com/',
    'ftp://example.com/',
    'file:///etc/passwd',
    'data:text/plain,x',
    'gopher://example.com/',
    'https://user:secret@example.com/',
    'javascript:alert(1)',
    'not an address',
    '',
  ])('is not made to %s', async (url) => {
    await expect(fetch(url)).rejects.toThrow()
  })

  it('is refused by a sentence that says why', async () => {
    await expect(fetch('https://169.254.169.254/latest/meta-data')).rejects.toThrow(
      new OutboundError('169.254.169.254 is not a public address'),
    )
  })
})

describe('public addresses', () => {
  it.each([
    '1.1.1.1',
    '8.8.8.8',
    '93.184.216.34',
    '172.32.0.1',
    '100.128.0.1',
    '2606:4700::1111',
    '2a00:1450::1',
  ])('%s is one', (address) => expect(isPublicAddress(address)).toBe(true))
  it.each(['', 'example.com', '1.1.1', '::ffff:10.0.0.1', 'fe80::1%eth0'])('%j is none', (address) =>
    expect(isPublicAddress(address)).toBe(false),
  )
})
