// What a client is told of the limits it was counted against, on pages as at the JSON door.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { createPerson } from '../support/browser-less.ts'
import { createDoor } from '../support/door.ts'
import { ada, createRp } from '../support/rp.ts'

let app: TestApp
beforeAll(async () => {
  app = await startApp({ env: { FOYER_LOGIN_LAYOUT: 'single' } })
})
afterAll(() => app.close())

/** Every header of limits in the answers a walk met. */
const limited = (headers: Headers) => ({
  policy: headers.get('ratelimit-policy'),
  standing: headers.get('ratelimit'),
})

/** A form of the sign-in page, posted by hand to see the headers of its answer. */
async function signInBy(password: string) {
  const person = createPerson()
  const page = await person.go(createRp(app.issuer).authorizeUrl().url)
  if ('left' in page) throw new Error('there is no page')
  return person.submit(page, { email: ada.email, password })
}

describe('the headers of limits', () => {
  it('stand on the answer of a sign-in page', async () => {
    const page = await signInBy('not-her-password')
    if ('left' in page) throw new Error('signed in')
    expect(page.status).toBe(401)
    expect(limited(page.headers).policy).toBe('"login.address";q=30;w=900')
    expect(limited(page.headers).standing).toMatch(/^"login\.address";r=\d+;t=\d+$/)
  })

  it('do not stand on answers that no limit counted', async () => {
    for (const path of ['/livez', '/.well-known/openid-configuration', '/setup', '/auth/me']) {
      const { headers } = await fetch(app.issuer + path)
      expect(limited(headers)).toEqual({ policy: null, standing: null })
    }
  })

  it('name no limit of a person or a mail address, which would tell of others', async () => {
    const door = createDoor(app.issuer)
    const answers = [
      await door.login({ email: ada.email, password: 'wrong' }),
      await door.post('/auth/password/forgot', { email: ada.email }),
      await door.post('/auth/passwordless/start', { email: ada.email, method: 'code' }),
      await door.post('/auth/passwordless/verify', { flow: 'x', code: '123456' }),
    ]
    for (const { headers } of answers) {
      expect(limited(headers).policy).toMatch(/^"[a-z]+\.address";q=\d+;w=\d+$/)
    }
  })

  it('come with Retry-After when the burst is spent', async () => {
    const door = createDoor(app.issuer)
    const ask = () => door.post('/auth/passwordless/verify', { flow: 'x', code: '123456' })
    let answer = await ask()
    for (let turn = 0; turn < 40 && answer.status !== 429; turn += 1) answer = await ask()
    expect(answer.status).toBe(429)
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(limited(answer.headers).standing).toMatch(/^"code\.address";r=0;t=\d+$/)
  })
})
