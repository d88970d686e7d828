// A hundred hosts that lead inside, as each address that a registration may name and Foyer then calls: whatever is
// registered, nothing of this machine is reached.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ClientMetadata } from '../../src/features/clients/schema.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { createManagement } from '../support/management.ts'
import { createSignedRp, type Key, makeKey, postForm, sign } from '../support/signed-rp.ts'
import { openTrap, type Trap } from '../support/trap.ts'
import { unreachableHosts } from '../support/unreachable-hosts.ts'
import { createOperator } from '../support/webhooks.ts'

let app: TestApp
let trap: Trap
let key: Key
beforeAll(async () => {
  trap = await openTrap()
  key = await makeKey()
  app = await startApp({ jobs: true })
})
afterAll(async () => {
  await app.close()
  trap.close()
})

const addresses = () => unreachableHosts.map((host) => `https://${host}:${trap.port}/x`)

it('has more than a hundred', () => expect(new Set(unreachableHosts).size).toBeGreaterThan(100))

/** Registers a client for each address that a registration takes, and does with it what makes Foyer call. */
async function withEach(
  name: string,
  metadataFor: (address: string) => Record<string, unknown>,
  provoke: (client_id: string) => Promise<void>,
): Promise<void> {
  let kept = 0
  for (const address of addresses()) {
    const metadata = metadataFor(address)
    if (!ClientMetadata.safeParse(metadata).success) continue
    kept += 1
    const client_id = `${name}-${kept}`
    await app.addClient(client_id, metadata)
    await provoke(client_id)
    expect([address, trap.connections()]).toEqual([address, 0])
  }
  expect(kept).toBeGreaterThan(10)
}

it('as jwks_uri, when a client proves itself', () =>
  withEach(
    'keys',
    (jwks_uri) => ({
      grant_types: ['client_credentials'],
      token_endpoint_auth_method: 'private_key_jwt',
      jwks_uri,
    }),
    async (client_id) => {
      const rp = createSignedRp(app.issuer, { client_id, redirect_uri: '', key })
      const { status } = await rp.post('/oauth2/token', { grant_type: 'client_credentials' })
      expect(status).toBe(401)
    },
  ))

it('as keys of an issuer whose assertions a client takes', async () => {
  const issuer = { issuer: 'https://ci.example', subject: 'main' }
  const grant_type = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
  const exp = Math.floor(Date.now() / 1000) + 60
  await withEach(
    'trusting',
    (jwks_uri) => ({ grant_types: [grant_type], assertion_issuers: [{ ...issuer, jwks_uri }] }),
    async (client_id) => {
      const claims = { iss: issuer.issuer, sub: 'main', aud: app.issuer, iat: exp - 60, exp, jti: client_id }
      const form = { grant_type, client_id, assertion: await sign(key, claims) }
      const { status } = await postForm(`${app.issuer}/oauth2/token`, form)
      expect(status).toBeGreaterThanOrEqual(400)
    },
  )
})

it('as logo of an app', () =>
  withEach(
    'shown',
    (logo_uri) => ({ grant_types: ['client_credentials'], logo_uri }),
    async (client_id) => {
      expect((await fetch(`${app.issuer}/logos/${client_id}`)).status).toBe(404)
    },
  ))

it('as address that is told of a sign-out', async () => {
  const told = async () => (await app.auditTypes()).filter((type) => type.startsWith('logout.')).length
  await withEach(
    'told',
    (backchannel_logout_uri) => ({ grant_types: ['client_credentials'], backchannel_logout_uri }),
    async (clientId) => {
      const before = await told()
      // The last try, so that the audit log says at once how it ended
      const job = { clientId, sid: clientId, sub: randomUUID(), tries: 99 }
      await app.services.backChannelLogout.task(job)
      await expect.poll(told, { interval: 20, timeout: 10_000 }).toBe(before + 1)
    },
  )
  expect(await app.auditTypes()).not.toContain('logout.delivered')
})

it('as document of a sector, which no client is registered with', async () => {
  const isRefused = async (sector_identifier_uri: string) => {
    const metadata = { grant_types: ['client_credentials'], sector_identifier_uri }
    await expect(async () => app.addClient('in-a-sector', metadata)).rejects.toThrow()
  }
  for (const address of addresses()) await isRefused(address)
  expect(trap.connections()).toBe(0)
})

it('as receiver of webhooks', async () => {
  const operator = createOperator(createManagement(app.issuer))
  const made: string[] = []
  for (const url of addresses()) {
    const { status, body } = await operator.ask('POST', '/webhooks', { url, events: ['team.deleted'] })
    expect([url, [201, 400].includes(status)]).toEqual([url, true])
    if (status === 201) made.push(body.id)
  }
  for (const id of made) await operator.ask('POST', `/webhooks/${id}/test`)
  const triedOf = async (id: string) => Number((await operator.deliveries(id))[0]?.tries)
  for (const id of made) await expect.poll(() => triedOf(id), { timeout: 20_000 }).toBeGreaterThan(0)
  expect(made.length).toBeGreaterThan(5)
  expect(trap.connections()).toBe(0)
})
