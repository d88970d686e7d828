// The client's address behind proxies, the pinned host and origin, and the log of requests.
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addressPrefix, clientAddress, normalizeAddress } from '../../src/web/address.ts'
import { type Edge, startEdge } from '../support/edge.ts'

describe('the client address', () => {
  it.each([
    ['no proxy, header ignored', 0, '6.6.6.6', '127.0.0.1', false],
    ['one proxy', 1, '6.6.6.6, 203.0.113.9', '203.0.113.9', false],
    ['two proxies', 2, '6.6.6.6, 203.0.113.9, 10.0.0.2', '203.0.113.9', false],
    ['two proxies, spaces missing', 2, '203.0.113.9,10.0.0.2', '203.0.113.9', false],
    ['IPv6 behind a proxy', 1, '2001:DB8:0:0::1', '2001:db8::1', false],
    ['IPv4 written as IPv6', 1, '::ffff:203.0.113.9', '203.0.113.9', false],
    ['fewer entries than proxies', 2, '203.0.113.9', '127.0.0.1', true],
    ['no header', 1, '', '127.0.0.1', true],
    ['a name', 1, 'localhost', '127.0.0.1', true],
    ['an address with a port', 1, '203.0.113.9:80', '127.0.0.1', true],
    ['an empty last entry', 1, '203.0.113.9,', '127.0.0.1', true],
    ['an address with a mark', 1, '203.0.113.9@', '127.0.0.1', true],
  ])('%s', (_, hops, header, address, distrusted) => {
    expect(clientAddress('::ffff:127.0.0.1', header, hops)).toEqual({ address, distrusted })
  })

  it.each([
    ['203.0.113.9', '203.0.113.9/32'],
    ['::ffff:203.0.113.9', '203.0.113.9/32'],
    ['::ffff:cb00:7109', '203.0.113.9/32'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ])('%s belongs to %s', (address, prefix) => {
    expect(addressPrefix(address)).toBe(prefix)
  })

  it('has one spelling for neighbours in a /64 and none for what is no address', () => {
    expect(addressPrefix('2001:db8::1')).toBe(addressPrefix('2001:db8::ffff'))
    expect(normalizeAddress('1.2.3')).toBeUndefined()
  })
})

describe('what a peer says of a client', () => {
  async function addressOf(FOYER_TRUSTED_PROXIES: string): Promise<Record<string, unknown>> {
    const edge = await startEdge({
      env: { FOYER_TRUSTED_PROXY_HOPS: '1', FOYER_TRUSTED_PROXIES },
      routes: (app) =>
        app.use((ctx) => {
          ctx.body = { address: ctx.state.address, viaProxies: ctx.state.viaProxies, ip: ctx.ip }
        }),
    })
    const answer = await edge.ask('/', { headers: { 'x-forwarded-for': '203.0.113.9' } })
    await edge.close()
    return { ...answer.json(), logged: edge.logLines.map(({ event }) => event).includes(ignored) }
  }
  const ignored = 'http.forwarded_for_ignored'

  it.each(['127.0.0.1', '127.0.0.0/8, ::1', '192.0.2.1,::ffff:127.0.0.1', '0.0.0.0/0'])(
    'is believed of one of %s',
    async (named) => {
      expect(await addressOf(named)).toMatchObject({
        address: '203.0.113.9',
        viaProxies: true,
        logged: false,
      })
    },
  )

  it.each(['127.0.0.2', '10.0.0.0/8', '::1, fd00::/8'])(
    'is not believed of one that is not among %s',
    async (named) => {
      expect(await addressOf(named)).toMatchObject({
        address: '127.0.0.1',
        ip: '127.0.0.1',
        viaProxies: false,
        logged: true,
      })
    },
  )
})

describe('the pinned origin', () => {
  let edge: Edge
  beforeAll(async () => {
    edge = await startEdge({
      env: { FOYER_TRUSTED_PROXY_HOPS: '1', FOYER_ISSUER: 'https://id.test', FOYER_TEST_HOOKS: '1' },
      routes: (app) =>
        app.use((ctx) => {
          ctx.body = {
            href: ctx.href,
            url: ctx.URL.href,
            host: ctx.host,
            hostname: ctx.hostname,
            secure: ctx.secure,
            ip: ctx.ip,
            address: ctx.state.address,
            path: ctx.path,
          }
        }),
    })
  })
  afterAll(() => edge.close())

  it('follows the issuer, not the wire and not forwarded headers', async () => {
    const headers = {
      'x-forwarded-host': 'evil.test',
      'x-forwarded-proto': 'http',
      forwarded: 'host=evil.test;proto=http;for=6.6.6.6',
      'x-forwarded-for': '6.6.6.6, 203.0.113.9',
      'x-real-ip': '6.6.6.6',
    }
    expect((await edge.ask('/a?b=c', { headers })).json()).toEqual({
      href: 'https://id.test/a?b=c',
      url: 'https://id.test/a?b=c',
      host: 'id.test',
      hostname: 'id.test',
      secure: true,
      ip: '203.0.113.9',
      address: '203.0.113.9',
      path: '/a',
    })
  })

  it.each(['evil.test', 'id.test.evil.test', 'id.test:444', 'user@id.test', 'localhost', '127.0.0.1', ''])(
    'refuses the host %j with 421',
    async (host) => {
      const answer = await edge.ask('/a', { headers: { host } })
      expect(answer.status).toBe(421)
      expect(answer.headers['content-type']).toContain('application/problem+json')
      expect(answer.json()).toMatchObject({ code: 'misdirected_request', status: 421 })
    },
  )

  it.each(['ID.test', 'id.test:443'])('takes the host %s for the same', async (host) => {
    expect((await edge.ask('/a', { headers: { host } })).status).toBe(200)
  })

  it('judges an absolute target by its own host and serves its path', async () => {
    const evil = await edge.ask('http://evil.test/a', { headers: { host: 'id.test' } })
    expect(evil.status).toBe(421)
    const own = await edge.ask('https://id.test/a?b=c', { headers: { host: 'evil.test' } })
    expect(own.json()).toMatchObject({ href: 'https://id.test/a?b=c', path: '/a' })
  })

  it('keeps a target of two slashes a path', async () => {
    expect((await edge.ask('//evil.test/a')).json()).toMatchObject({ href: 'https://id.test//evil.test/a' })
  })

  it.each(['/livez', '/readyz', '/healthz', '/metrics'])('answers %s under any host', async (path) => {
    expect((await edge.ask(path, { headers: { host: '10.0.0.7:3000' } })).status).toBe(200)
  })

  it('falls back to the socket when our proxy did not speak, and logs that', async () => {
    const answer = await edge.ask('/a', { headers: { 'x-forwarded-for': 'nonsense' } })
    expect(answer.json()).toMatchObject({ address: '127.0.0.1' })
    expect(edge.logLines).toContainEqual(
      expect.objectContaining({ event: 'http.forwarded_for_ignored', level: 'warn' }),
    )
  })
})

describe('the log of requests', () => {
  it('has one line per request, with its id and without its query', async () => {
    const edge = await startEdge({
      routes: (app) =>
        app.use((ctx) => {
          ctx.state.route = '/oauth2/authorize'
          ctx.body = 'ok'
        }),
    })
    const { headers } = await edge.ask('/oauth2/authorize?code=canary', {
      headers: { 'x-request-id': 'mine' },
    })
    await edge.close()
    const lines = edge.logLines.filter((line) => line.event === 'http.request')
    expect(lines).toEqual([
      expect.objectContaining({
        level: 'info',
        method: 'GET',
        path: '/oauth2/authorize',
        status: 200,
        requestId: headers['x-request-id'],
        address: '127.0.0.1',
        seconds: expect.any(Number),
      }),
    ])
    expect(headers['x-request-id']).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/)
    expect(JSON.stringify(edge.logLines)).not.toContain('canary')
    expect(edge.observed).toEqual([expect.objectContaining({ route: '/oauth2/authorize', status: 200 })])
  })

  it('keeps invented methods and unknown paths out of the labels', async () => {
    const edge = await startEdge({ routes: () => undefined })
    await edge.ask('/nowhere', { method: 'PROPFIND' })
    await edge.close()
    expect(edge.observed).toEqual([
      expect.objectContaining({ method: '_OTHER', route: 'unmatched', status: 404 }),
    ])
  })

  it('survives a client that goes away in the middle of the answer', async () => {
    const edge = await startEdge({
      routes: (app) =>
        app.use(async (ctx) => {
          ctx.req.socket.destroy()
          await new Promise((resolve) => ctx.req.once('close', resolve))
          ctx.body = Buffer.alloc(1_000_000)
        }),
    })
    await expect(edge.ask('/')).rejects.toThrow()
    await edge.close()
    expect(edge.logLines.filter((line) => line.level === 'error')).toEqual([])
  })

  it('answers garbage on the wire without dying', async () => {
    const edge = await startEdge({ routes: (app) => app.use((ctx) => ctx.redirect('/ok')) })
    const socket = connect(Number(new URL(edge.origin).port), '127.0.0.1')
    const closed = new Promise((resolve) => socket.once('close', resolve))
    let heard = ''
    socket.on('data', (chunk) => {
      heard += String(chunk)
    })
    socket.end('\0\0nonsense\r\n\r\n')
    await closed
    expect(heard).toContain('400 Bad Request')
    expect((await edge.ask('/')).status).toBe(302)
    await edge.close()
  })
})
