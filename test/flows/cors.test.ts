// Which pages of other origins may call the endpoints of the protocol from a browser.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { createRp, demoSpa, type Rp } from '../support/rp.ts'

let app: TestApp
let rp: Rp
let spa: Rp
beforeAll(async () => {
  app = await startApp()
  rp = createRp(app.issuer)
  spa = createRp(app.issuer, demoSpa)
})
afterAll(() => app.close())

const home = 'http://localhost:3001'
const allowed = 'access-control-allow-origin'

const refreshFrom = async (origin: string, token: string) =>
  fetch(`${app.issuer}/oauth2/token`, {
    method: 'POST',
    headers: { origin },
    body: new URLSearchParams({ grant_type: 'refresh_token', client_id: 'demo-spa', refresh_token: token }),
  })

describe('a call from a page', () => {
  it('of the client’s own origin is answered for that origin', async () => {
    const { refresh_token = '', access_token } = await spa.tokens()
    const answer = await refreshFrom(home, refresh_token)
    expect([answer.status, answer.headers.get(allowed)]).toEqual([200, home])
    expect(answer.headers.get('vary')).toContain('Origin')

    const headers = { origin: home, authorization: `Bearer ${access_token}` }
    const userinfo = await fetch(`${app.issuer}/oauth2/userinfo`, { headers })
    expect([userinfo.status, userinfo.headers.get(allowed)]).toEqual([200, home])
    const body = new URLSearchParams({ client_id: 'demo-spa', token: access_token })
    const revoked = await fetch(`${app.issuer}/oauth2/revoke`, {
      method: 'POST',
      headers: { origin: home },
      body,
    })
    expect([revoked.status, revoked.headers.get(allowed)]).toEqual([200, home])
  })

  it.each(['http://localhost:3002', 'https://localhost:3001', 'http://localhost:3001.evil.example', 'null'])(
    'of %s is refused and changes nothing',
    async (origin) => {
      const { refresh_token = '', access_token } = await spa.tokens()
      const answer = await refreshFrom(origin, refresh_token)
      expect([answer.status, answer.headers.get(allowed)]).toEqual([400, null])
      expect(await answer.json()).toMatchObject({ error: 'invalid_request' })

      const headers = { origin, authorization: `Bearer ${access_token}` }
      const userinfo = await fetch(`${app.issuer}/oauth2/userinfo`, { headers })
      expect([userinfo.status, userinfo.headers.get(allowed)]).toEqual([400, null])
      expect((await spa.refresh(refresh_token)).body.refresh_token).toBeTruthy()
    },
  )

  it('for a client that named no origin is refused wherever it comes from', async () => {
    const { refresh_token = '' } = await rp.tokens()
    const answer = await fetch(`${app.issuer}/oauth2/token`, {
      method: 'POST',
      headers: { origin: home, authorization: `Basic ${btoa('demo-web:demo-web-secret')}` },
      body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token }),
    })
    expect([answer.status, answer.headers.get(allowed)]).toEqual([400, null])
    expect((await rp.refresh(refresh_token)).status).toBe(200)
  })

  it('is none when no Origin came along: the answer is open, and no page of ours is', async () => {
    const answer = await fetch(`${app.issuer}/oauth2/token`, { method: 'POST', body: new URLSearchParams() })
    expect([answer.status, answer.headers.get(allowed), answer.headers.get('vary')]).toEqual([400, '*', null])
    const page = await fetch(rp.authorizeUrl().url, { redirect: 'manual' })
    expect([page.status, page.headers.get(allowed)]).toEqual([303, null])
  })

  it('is asked for before with what a browser sends', async () => {
    const answer = await fetch(`${app.issuer}/oauth2/token`, {
      method: 'OPTIONS',
      headers: {
        origin: home,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type',
      },
    })
    expect(answer.status).toBe(204)
    expect(answer.headers.get(allowed)).toBe(home)
    expect(answer.headers.get('access-control-allow-methods')).toContain('POST')
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull()
  })

  it('may read metadata and keys from anywhere', async () => {
    for (const path of ['/.well-known/openid-configuration', '/oauth2/jwks']) {
      const answer = await fetch(app.issuer + path, { headers: { origin: 'https://anywhere.example' } })
      expect([answer.status, answer.headers.get(allowed)]).toEqual([200, '*'])
    }
  })

  it('never reaches the pages', async () => {
    const { url } = spa.authorizeUrl()
    for (const each of [
      url,
      `${app.issuer}/oauth2/logout`,
      `${app.issuer}/setup`,
      `${app.issuer}/interaction/x`,
    ]) {
      const answer = await fetch(each, { headers: { origin: home }, redirect: 'manual' })
      expect(answer.headers.get(allowed)).toBeNull()
      await answer.arrayBuffer()
    }
  })
})
