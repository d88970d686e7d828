// The clients that others wrote, and the command line, as devices.
import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { postForm } from '../../src/cli/post-form.ts'
import { runCli } from '../../src/cli/program.ts'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { createPerson, pageOf } from '../support/browser-less.ts'
import { ada } from '../support/rp.ts'

let app: TestApp
beforeAll(async () => {
  app = await startApp({ env: testHooks })
})
afterAll(() => app.close())

/** A person who types the code and answers, at the device's word. */
async function answer(user_code: string, decision = 'allow'): Promise<void> {
  const person = createPerson()
  const signIn = pageOf(await person.submit(await person.open(`${app.issuer}/device`), { user_code }))
  const question = pageOf(await person.submit(signIn, ada))
  await person.submit(question, {}, { button: { name: 'decision', value: decision } })
}

function discovered(): Promise<client.Configuration> {
  const insecure = { execute: [client.allowInsecureRequests] }
  return client.discovery(new URL(app.issuer), 'demo-device', undefined, client.None(), insecure)
}

describe('a device', () => {
  it('runs on openid-client', async () => {
    const config = await discovered()
    const asked = await client.initiateDeviceAuthorization(config, { scope: 'openid email' })
    await answer(asked.user_code)
    const tokens = await client.pollDeviceAuthorizationGrant(config, { ...asked, interval: 1 })
    const sub = tokens.claims()?.sub ?? ''
    expect(await client.fetchUserInfo(config, tokens.access_token, sub)).toMatchObject({ email: ada.email })
  })

  it('is refused on openid-client when the person refuses', async () => {
    const config = await discovered()
    const asked = await client.initiateDeviceAuthorization(config, { scope: 'openid' })
    await answer(asked.user_code, 'deny')
    await expect(
      client.pollDeviceAuthorizationGrant(config, { ...asked, interval: 1 }),
    ).rejects.toMatchObject({
      error: 'access_denied',
    })
  })

  it('runs on oauth4webapi', async () => {
    const options = { [oauth.allowInsecureRequests]: true }
    const issuer = new URL(app.issuer)
    const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options))
    const device: oauth.Client = { client_id: 'demo-device' }
    const response = await oauth.deviceAuthorizationRequest(
      as,
      device,
      oauth.None(),
      { scope: 'openid offline_access' },
      options,
    )
    const asked = await oauth.processDeviceAuthorizationResponse(as, device, response)
    await answer(asked.user_code)
    const redeemed = await oauth.deviceCodeGrantRequest(as, device, oauth.None(), asked.device_code, options)
    const tokens = await oauth.processDeviceCodeResponse(as, device, redeemed)
    expect(tokens).toMatchObject({ scope: 'openid offline_access', refresh_token: expect.any(String) })
  })
})

describe('foyer token device', () => {
  async function run(decision: string, ...args: string[]) {
    const written = { out: '', error: '' }
    let asked: string | undefined
    const code = await runCli(['token', 'device', ...args], {
      readConfig: () => app.services.config,
      postForm,
      // The person answers while the device waits
      pause: async () => {
        const typed = /type ([A-Z]{4}-[A-Z]{4})/.exec(written.error)?.[1]
        if (typed !== undefined && asked !== typed) await answer(typed, decision)
        asked = typed
        await app.advance(5)
      },
      writeOut: (text: string) => {
        written.out += text
      },
      writeError: (text: string) => {
        written.error += text
      },
    } as unknown as Parameters<typeof runCli>[1])
    return { code, ...written }
  }

  it('says what to open and type, and prints the token once the person has said yes', async () => {
    const { code, out, error } = await run('allow')
    expect({ code, error }).toMatchObject({
      code: 0,
      error: expect.stringContaining(`Open ${app.issuer}/device`),
    })
    const seen = await fetch(`${app.issuer}/oauth2/userinfo`, {
      headers: { authorization: `Bearer ${out.trim()}` },
    })
    expect(seen.status).toBe(200)
  })

  it('fails with exit 1 when the person says no, and for a client without the grant', async () => {
    expect(await run('deny')).toMatchObject({ code: 1, error: expect.stringContaining('access_denied') })
    expect((await run('allow', '--client-id', 'demo-spa')).code).toBe(1)
  })
})
