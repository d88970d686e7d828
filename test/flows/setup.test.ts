// Production: how the first administrator gets in, and that nothing of the demo or of /dev is there.
import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { secretOf, startApp, type TestApp } from '../support/app.ts'
import { createPerson, formsOf, pageOf } from '../support/browser-less.ts'
import { freePort } from '../support/ports.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { startProduct } from '../support/process.ts'
import { createRp } from '../support/rp.ts'

const production = {
  NODE_ENV: 'production',
  FOYER_REGISTRATION: 'closed',
  FOYER_ISSUER: 'http://localhost:PORT',
  FOYER_TRUSTED_PROXY_HOPS: '1',
}

let app: TestApp
beforeAll(async () => {
  app = await startApp({ env: production })
})
afterAll(() => app.close())

const founder = { email: 'founder@example.test', name: 'Founder', password: 'a-long-enough-password-1' }
const claim = () => app.services.tickets.issueTicket({ purpose: 'claim' })
const administrators = () =>
  app.services.accounts.list({}).then(({ data }) => data.filter(({ roles }) => roles.includes('admin')))

describe('claiming an installation', () => {
  it('takes the token once, and what was wrong with the form does not spend it', async () => {
    const { token } = await claim()
    const person = createPerson()
    const start = await person.open(`${app.issuer}/setup`)
    expect(formsOf(start)[0]?.fields).toEqual({ token: '' })
    const form = pageOf(await person.submit(start, { token }))
    expect(form.html).toContain('Set up this installation')

    const short = pageOf(await person.submit(form, { ...founder, password: 'too-short' }))
    expect(short.status).toBe(422)
    expect(short.html).toMatch(/<a href="#password">/)
    expect(short.html).not.toContain('too-short')
    const noMail = pageOf(await person.submit(form, { ...founder, email: 'nonsense' }))
    expect(noMail.status).toBe(422)
    expect(noMail.html).toMatch(/<a href="#email">/)
    expect(await administrators()).toHaveLength(0)

    const done = pageOf(await person.submit(short, founder))
    expect(done.status).toBe(200)
    expect(done.html).toContain('founder@example.test')
    expect(done.html).toContain('<a class="primary" href="/account">Sign in</a>')
    expect(await administrators()).toMatchObject([{ email: founder.email, roles: ['admin'] }])
    expect(await app.auditTypes()).toContain('instance.claimed')

    const again = pageOf(await person.submit(form, { ...founder, email: 'second@example.test' }))
    expect(again.status).toBe(410)
    expect(await administrators()).toHaveLength(1)
    expect(await app.services.tickets.isUnclaimed()).toBe(false)
  })

  it('is over once there is an administrator, even with a fresh token', async () => {
    const { token } = await claim()
    const person = createPerson()
    const form = await person.open(`${app.issuer}/setup?token=${token}`)
    const answer = pageOf(await person.submit(form, { ...founder, email: 'late@example.test' }))
    expect(answer.status).toBe(410)
    expect(await administrators()).toHaveLength(1)
  })

  it.each(['', 'nonsense', 'foyer_link_', `foyer_link_${'A'.repeat(43)}`])(
    'refuses the token %j',
    async (token) => {
      const person = createPerson()
      for (const answer of [
        await person.go(`${app.issuer}/setup?token=${token}`),
        await person.submit(await person.open(`${app.issuer}/setup`), { token }),
      ]) {
        expect(pageOf(answer).status).toBe(410)
      }
    },
  )

  it('says what to do when a token was mistyped, used or is too old, and takes the right one there', async () => {
    const { tickets, db } = app.services
    const { token } = await claim()
    await db.prisma.account.deleteMany({ where: { roles: { has: 'admin' } } })
    const person = createPerson({ headers: { 'x-forwarded-for': '203.0.113.6' } })
    const mistyped = pageOf(
      await person.submit(await person.open(`${app.issuer}/setup`), { token: token.slice(0, -1) }),
    )
    expect([mistyped.status, mistyped.html.match(/<h1>(.*)<\/h1>/)?.[1]]).toEqual([
      410,
      'This link is not good any more',
    ])
    expect(mistyped.html).toContain('Copy the newest set-up token from the log')
    expect(mistyped.html).toContain('Ask whoever sent it for a new one')
    expect(mistyped.html).toContain('href="/account"')
    expect(mistyped.html).not.toContain(token.slice(0, -1))
    expect(pageOf(await person.submit(mistyped, { token })).html).toContain('You are the first one in')

    const late = await tickets.issueTicket({ purpose: 'claim', ttlMs: -1 })
    const expired = await person.open(`${app.issuer}/setup?token=${late.token}`)
    expect(expired.status).toBe(410)
    expect(expired.html).toContain('Paste the newest token from its log')
    expect(formsOf(expired)[0]?.fields).toEqual({ token: '' })
  })

  it('tells the founder whose address is taken, and keeps the token', async () => {
    const { token } = await claim()
    await app.services.accounts.create({ kind: 'operator' }, { email: 'taken@example.test' })
    const person = createPerson({ headers: { 'x-forwarded-for': '203.0.113.7' } })
    const form = await person.open(`${app.issuer}/setup?token=${token}`)
    const refused = pageOf(await person.submit(form, { ...founder, email: 'taken@example.test' }))
    expect(refused.status).toBe(422)
    expect(refused.html).toMatch(/<a href="#email">An account with this email address exists/)
    expect(await app.services.tickets.readTicket(token)).toMatchObject({ purpose: 'claim' })
    expect(pageOf(await person.submit(refused, { ...founder, email: 'again@example.test' })).status).toBe(200)
  })
})

describe('a browser that tells nothing of where it comes from', () => {
  it('may post the form, since the token is proof enough; one that tells another site may not', async () => {
    const { token } = await claim()
    const post = (headers: Record<string, string>) =>
      fetch(`${app.issuer}/setup`, { method: 'POST', headers, body: new URLSearchParams({ token }) })
    expect((await post({})).status).toBe(200)
    expect((await post({ origin: 'https://evil.example' })).status).toBe(403)
    expect((await post({ 'sec-fetch-site': 'cross-site' })).status).toBe(403)
  })
})

describe('guessing tokens', () => {
  it('waits after ten wrong ones from one address, right ones uncounted', async () => {
    const { token } = await claim()
    const there = createPerson({ headers: { 'x-forwarded-for': '203.0.113.5' } })
    const ask = async (guess: string) => (await there.request(`${app.issuer}/setup?token=${guess}`)).status
    for (let count = 0; count < 15; count += 1) expect(await ask(token)).toBe(200)
    for (let count = 0; count < 10; count += 1) expect(await ask(`guess-${count}`)).toBe(410)
    expect(await ask('guess')).toBe(429)
    expect((await fetch(`${app.issuer}/setup?token=${token}`)).status).toBe(200)
  })
})

describe('a link for a password', () => {
  it('sets it once; looking at the link does not spend it', async () => {
    const { accounts, tickets } = app.services
    const account = await accounts.create({ kind: 'operator' }, { email: 'invited@example.test' })
    const { token } = await tickets.issueTicket({ purpose: 'set_password', accountId: account.id })
    const link = `${app.issuer}/setup?token=${token}`
    const person = createPerson()
    for (let look = 0; look < 3; look += 1) expect((await person.open(link)).status).toBe(200)
    expect((await fetch(link, { method: 'HEAD' })).status).toBe(200)

    const form = await person.open(link)
    expect(form.html).toContain('Choose your password')
    expect(form.html).toMatch(/value="invited@example.test" autocomplete="username"/)
    expect(form.headers.get('referrer-policy')).toBe('no-referrer')
    const done = pageOf(await person.submit(form, { password: 'correct-horse-battery-1' }))
    expect(done.status).toBe(200)
    expect(done.html).not.toContain('administrator')
    expect(pageOf(await person.submit(form, { password: 'another-good-password-1' })).status).toBe(410)

    await app.addClient('app', {
      grant_types: ['authorization_code'],
      redirect_uris: ['https://app.example.test/cb'],
      first_party: true,
    })
    const rp = createRp(app.issuer, {
      client_id: 'app',
      client_secret: secretOf('app'),
      redirect_uri: 'https://app.example.test/cb',
    })
    const who = { email: 'invited@example.test', password: 'correct-horse-battery-1' }
    expect((await rp.tokens({ who, params: { scope: 'openid' } })).access_token).toBeTruthy()
  })
})

describe('in production', () => {
  it.each(['/dev/mail', '/dev/mail.json', '/dev/clock', '/dev/pages'])('%s is not there', async (path) => {
    for (const method of ['GET', 'POST'])
      expect((await fetch(app.issuer + path, { method })).status).toBe(404)
  })

  it('there are no demo people, clients or buttons', async () => {
    const emails = (await app.services.accounts.list({})).data.map(({ email }) => email)
    expect(emails.filter((email) => /^(ada|grace|admin)@/.test(email))).toEqual([])
    expect((await app.services.clients.list({})).data.filter(({ id }) => id.startsWith('demo-'))).toEqual([])
    const answer = await fetch(createRp(app.issuer).authorizeUrl().url)
    expect(answer.status).toBe(400)
    expect(await answer.text()).toContain('invalid_client')
  })

  it('metrics are closed', async () => {
    expect((await fetch(`${app.issuer}/metrics`)).status).toBe(401)
  })
})

describe('a first start in production', () => {
  it('writes the token to the log, and only as long as nobody administers the installation', async () => {
    const database = await createTestDatabase()
    const port = await freePort()
    const options = {
      databaseUrl: database.url,
      port,
      env: {
        NODE_ENV: 'production',
        FOYER_REGISTRATION: 'closed',
        FOYER_ISSUER: `http://localhost:${port}`,
        LOG_LEVEL: 'info',
      },
    }
    const tokenIn = (words: string) => /\/setup with (foyer_link_[\w-]{43})/.exec(words)?.[1]
    const product = await startProduct(options)
    try {
      await expect.poll(() => tokenIn(product.output())).toBeTruthy()
      const token = tokenIn(product.output()) ?? ''
      const person = createPerson()
      const form = await person.open(`${product.issuer}/setup?token=${token}`)
      expect(pageOf(await person.submit(form, founder)).html).toContain('is now the administrator')
      expect(pageOf(await person.submit(form, founder)).status).toBe(410)
      expect((await fetch(`${product.issuer}/dev/mail.json`)).status).toBe(404)
    } finally {
      await product.stop()
    }
    const again = await startProduct(options)
    try {
      expect(tokenIn(again.output())).toBeUndefined()
    } finally {
      await again.stop()
      await database.drop()
    }
  })
})

describe('behind a proxy that speaks https', () => {
  const issuer = 'https://id.example.test'
  let there: TestApp
  beforeAll(async () => {
    there = await startApp({
      env: {
        NODE_ENV: 'production',
        FOYER_REGISTRATION: 'closed',
        FOYER_ISSUER: issuer,
        FOYER_TRUSTED_PROXY_HOPS: '1',
      },
    })
    await there.addClient('app', {
      grant_types: ['authorization_code'],
      redirect_uris: ['https://app.example.test/cb'],
      first_party: true,
    })
  })
  afterAll(() => there.close())

  function ask(path: string, headers: Record<string, string> = {}) {
    return new Promise<{
      status: number
      headers: Record<string, string | string[] | undefined>
      text: string
    }>((resolve, reject) => {
      const url = new URL(there.listening)
      request(
        { host: url.hostname, port: url.port, path, headers: { host: 'id.example.test', ...headers } },
        (res) => {
          let text = ''
          res.on('data', (chunk) => {
            text += chunk
          })
          res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, text }))
        },
      )
        .on('error', reject)
        .end()
    })
  }
  const authorize = () =>
    new URL(
      createRp(issuer, { client_id: 'app', redirect_uri: 'https://app.example.test/cb' }).authorizeUrl({
        scope: 'openid',
      }).url,
    )

  it('every URL is the issuer’s, whatever the headers of the request say', async () => {
    const forged = {
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'http',
      forwarded: 'host=evil.example;proto=http',
      'x-forwarded-for': '203.0.113.7',
    }
    const discovery = await ask('/.well-known/openid-configuration', forged)
    const metadata = JSON.parse(discovery.text) as Record<string, unknown>
    const urls = Object.entries(metadata).filter(([name]) => /_endpoint$|_uri$|^issuer$/.test(name))
    expect(urls.length).toBeGreaterThan(6)
    for (const [, url] of urls) expect(String(url)).toMatch(/^https:\/\/id\.example\.test(\/|$)/)
    const { pathname, search } = authorize()
    const answer = await ask(pathname + search, forged)
    expect(answer.status).toBe(303)
    expect(answer.headers.location).toMatch(/^\/interaction\//)
  })

  it('another host is not answered', async () => {
    for (const host of [
      'evil.example',
      'id.example.test.evil.example',
      'id.example.test:8443',
      'localhost',
      '',
    ]) {
      const { pathname, search } = authorize()
      for (const path of [pathname + search, '/.well-known/openid-configuration', '/oauth2/jwks', '/setup']) {
        const answer = await ask(path, { host })
        expect([host, path, answer.status]).toEqual([host, path, 421])
      }
    }
    expect((await ask('/livez', { host: '10.0.0.1' })).status).toBe(200)
  })

  it('cookies are Secure and carry the prefix of their scope', async () => {
    const { pathname, search } = authorize()
    const { headers } = await ask(pathname + search)
    const lines = [headers['set-cookie'] ?? []].flat()
    expect(lines.map((line) => line.split('=', 1)[0]).sort()).toEqual([
      '__Host-foyer_browser',
      '__Secure-foyer_interaction',
      '__Secure-foyer_interaction.sig',
      '__Secure-foyer_resume',
      '__Secure-foyer_resume.sig',
    ])
    for (const line of lines) {
      expect(line).toMatch(/; secure/i)
      expect(line).toMatch(/; httponly/i)
      expect(line).toMatch(/; samesite=lax/i)
      expect(line).not.toMatch(/domain=/i)
      if (line.startsWith('__Host-')) expect(line).toMatch(/; path=\/;/i)
    }
  })

  it('browsers are told to use https alone', async () => {
    for (const path of ['/setup', '/.well-known/openid-configuration', '/oauth2/jwks', '/nothing-here']) {
      const { headers } = await ask(path)
      expect([path, headers['strict-transport-security']]).toEqual([
        path,
        'max-age=63072000; includeSubDomains',
      ])
    }
  })

  it('the whole sign-in works, the session in a __Host- cookie', async () => {
    const who = { email: 'somebody@example.test', password: 'a-password-of-their-own' }
    await there.services.accounts.create({ kind: 'operator' }, who)
    const jar = new Map<string, string>()
    const names = new Set<string>()
    const step = async (url: URL, form?: URLSearchParams) => {
      const at = new URL(there.listening)
      const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
      const answer = await new Promise<{ location?: string; text: string }>((resolve, reject) => {
        const outgoing = request(
          {
            host: at.hostname,
            port: at.port,
            method: form ? 'POST' : 'GET',
            path: url.pathname + url.search,
            headers: {
              host: 'id.example.test',
              accept: 'text/html',
              cookie,
              origin: issuer,
              ...(form && { 'content-type': 'application/x-www-form-urlencoded' }),
            },
          },
          (res) => {
            for (const line of res.headers['set-cookie'] ?? []) {
              const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
              names.add(name)
              jar.set(name, value)
            }
            let text = ''
            res.on('data', (chunk) => {
              text += chunk
            })
            res.on('end', () =>
              resolve({ ...(res.headers.location && { location: res.headers.location }), text }),
            )
          },
        )
        outgoing.on('error', reject)
        outgoing.end(form?.toString())
      })
      return answer
    }
    let url = authorize()
    let form: URLSearchParams | undefined
    for (let hops = 0; hops < 8 && url.origin === issuer; hops += 1) {
      const answer = await step(url, form)
      form = undefined
      if (answer.location) url = new URL(answer.location, issuer)
      else {
        url = new URL(/action="([^"]+)"/.exec(answer.text)?.[1] ?? '', issuer)
        form = new URLSearchParams(who)
      }
    }
    expect(url.origin + url.pathname).toBe('https://app.example.test/cb')
    expect(url.searchParams.get('iss')).toBe(issuer)
    expect([...names]).toEqual(expect.arrayContaining(['__Host-foyer_session', '__Host-foyer_device']))
  })
})
