// An app in the browser renews in silence: its frame is answered, and a frame of anybody else is not.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, BrowserContext } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { browserIsThere, launchBrowser } from '../support/browser.ts'
import { ada, createRp } from '../support/rp.ts'

let app: TestApp
let browser: Browser
let spa: Server
let spaOrigin = ''
beforeAll(async () => {
  if (!browserIsThere) return
  spa = createServer((_, response) => {
    response.setHeader('content-type', 'text/html')
    response.end('<!doctype html><title>App</title><h1>App</h1>')
  })
  await new Promise<void>((resolve) => spa.listen(0, '127.0.0.1', resolve))
  spaOrigin = `http://localhost:${(spa.address() as AddressInfo).port}`
  app = await startApp({ env: { FOYER_LOGIN_LAYOUT: 'single' } })
  await app.addClient('framing', {
    redirect_uris: [`${spaOrigin}/callback`],
    token_endpoint_auth_method: 'none',
    first_party: true,
  })
  browser = await launchBrowser()
})
afterAll(async () => {
  await browser?.close()
  await app?.close()
  spa?.close()
})

const rp = () => createRp(app.issuer, { client_id: 'framing', redirect_uri: `${spaOrigin}/callback` })

async function signedIn(): Promise<BrowserContext> {
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.goto(rp().authorizeUrl({ scope: 'openid' }).url)
  await page.fill('[name=email]', ada.email)
  await page.fill('[name=password]', ada.password)
  await page.click('button.primary')
  await page.waitForURL(`${spaOrigin}/callback?**`)
  await page.close()
  return context
}

/** What a page of this origin hears from a frame with that address, within two seconds. */
async function heard(context: BrowserContext, origin: string, url: string) {
  const page = await context.newPage()
  await page.goto(origin)
  const message = await page.evaluate(
    (src) =>
      new Promise<{ origin: string; data: unknown } | null>((resolve) => {
        addEventListener('message', ({ origin, data }) => resolve({ origin, data }))
        document.body.append(Object.assign(document.createElement('iframe'), { src }))
        setTimeout(() => resolve(null), 2_000)
      }),
    url,
  )
  await page.close()
  return message
}

describe.skipIf(!browserIsThere)('web_message in a browser', () => {
  it('brings a code to the frame of the app, and nothing to that of another origin', async () => {
    const context = await signedIn()
    const silent = () => rp().authorizeUrl({ response_mode: 'web_message', prompt: 'none', scope: 'openid' })
    const { url, state } = silent()
    expect(await heard(context, spaOrigin, url)).toEqual({
      origin: app.issuer,
      data: {
        type: 'authorization_response',
        response: { code: expect.stringMatching(/^[\w-]{43}$/), state, iss: app.issuer },
      },
    })
    const elsewhere = spaOrigin.replace('localhost', '127.0.0.1')
    expect(await heard(context, elsewhere, silent().url)).toBeNull()
    await context.close()
  })
})
