// Sign-ins that are begun from one address leave rows behind, so they are bounded.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { limitBegunSignIns } from '../../src/oidc/begun-sign-ins.ts'
import { type Edge, startEdge } from '../support/edge.ts'

let edge: Edge
let now = Date.UTC(2026, 0, 1)
beforeAll(async () => {
  const clock = { millis: () => now } as Parameters<typeof limitBegunSignIns>[0]['clock']
  edge = await startEdge({
    env: { FOYER_TRUSTED_PROXY_HOPS: '1' },
    routes: (app) => {
      app.use(limitBegunSignIns({ clock, rate: { burst: 3, periodMs: 30_000 } }))
      app.use((ctx) => {
        if (ctx.query.refused) {
          ctx.status = 400
          return
        }
        ctx.status = 303
        ctx.redirect(ctx.query.silent ? 'https://app.example/callback?code=x' : '/interaction/some-uid')
      })
    },
  })
})
afterAll(() => edge.close())

const begin = (address: string, query = '') =>
  edge.ask(`/oauth2/authorize${query}`, { headers: { 'x-forwarded-for': address } })

describe('a request that leads nowhere', () => {
  it('is answered as ever', async () => {
    expect((await begin('203.0.113.11', '?refused=1')).status).toBe(400)
  })
})

describe('sign-ins begun from one address', () => {
  it('are refused beyond a burst, told when to come again, and then taken', async () => {
    for (const _ of [1, 2, 3]) expect((await begin('203.0.113.9')).status).toBe(303)
    const refused = await begin('203.0.113.9')
    expect([refused.status, refused.headers['retry-after']]).toEqual([429, '10'])
    now += 10_000
    expect((await begin('203.0.113.9')).status).toBe(303)
  })

  it('are counted for a whole household, and for nobody else', async () => {
    for (const last of [1, 2, 3]) expect((await begin(`2001:db8::${last}`)).status).toBe(303)
    expect((await begin('2001:db8::4')).status).toBe(429)
    expect((await begin('2001:db8:0:1::4')).status).toBe(303)
  })

  it('are not those of people who are signed in: nothing is kept for them', async () => {
    for (const _ of [1, 2, 3, 4, 5]) expect((await begin('203.0.113.10', '?silent=1')).status).toBe(303)
    expect((await begin('203.0.113.10')).status).toBe(303)
  })

  it.each(['127.0.0.1', '::1'])(
    'are not counted for %s, which a proxy has that nobody declared',
    async (one) => {
      for (const _ of [1, 2, 3, 4, 5]) expect((await begin(one)).status).toBe(303)
    },
  )
})
