// Calls to addresses that somebody configured: none reaches this machine or its neighbours (class U).

import type { AddressInfo } from 'node:net'
import { createServer, type Server } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createOutbound, isPublicAddress, OutboundError } from '../../src/platform/outbound.ts'

let listener: Server
let connections = 0
let port = 0
beforeAll(async () => {
  listener = createServer((socket) => {
    connections += 1
    socket.destroy()
  })
  await new Promise<void>((resolve) => listener.listen(0, '::', resolve))
  port = (listener.address() as AddressInfo).port
})
afterAll(() => listener.close())

const hosts = [
  '127.0.0.1',
  '127.1',
  '127.255.255.254',
  '2130706433',
  '0x7f000001',
  '0177.0.0.1',
  '0x7f.1',
  '0.0.0.0',
  '0',
  '10.0.0.1',
  '10.255.255.255',
  '100.64.0.1',
  '100.127.255.255',
  '169.254.169.254',
  '169.254.0.1',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.1',
  '192.0.2.1',
  '192.88.99.1',
  '192.168.0.1',
  '192.168.255.255',
  '198.18.0.1',
  '198.19.255.255',
  '198.51.100.7',
  '203.0.113.9',
  '224.0.0.1',
  '239.255.255.255',
  '240.0.0.1',
  '255.255.255.255',
  '[::]',
  '[::1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:169.254.169.254]',
  '[::ffff:10.0.0.1]',
  '[::ffff:7f00:1]',
  '[::127.0.0.1]',
  '[64:ff9b::7f00:1]',
  '[64:ff9b::a9fe:a9fe]',
  '[64:ff9b:1::1]',
  '[100::1]',
  '[2001::1]',
  '[2001:db8::1]',
  '[2001:10::1]',
  '[2002:7f00:1::]',
  '[2002:a9fe:a9fe::]',
  '[2620:4f:8000::1]',
  '[3fff::1]',
  '[5f00::1]',
  '[fc00::1]',
  '[fd00::1]',
  '[fd12:3456:789a::1]',
  '[fe80::1]',
  '[fec0::1]',
  '[ff02::1]',
  '[ff0e::1]',
  'localhost',
  'LOCALHOST',
  'localhost.',
  'ip6-localhost',
]

describe('a call', () => {
  const fetch = createOutbound({ testHooks: false, timeoutMs: 2_000 })

  it.each(hosts)('does not reach https://%s', async (host) => {
    await expect(fetch(`https://${host}:${port}/`)).rejects.toThrow()
    expect(connections).toBe(0)
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
