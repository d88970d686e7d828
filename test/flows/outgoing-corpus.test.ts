// A hundred hosts that lead inside, as each address that a registration may name and Foyer then calls: whatever is
// registered, nothing of this machine is reached.
import { type AddressInfo, createServer, type Server } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ClientMetadata } from '../../src/features/clients/schema.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { createManagement } from '../support/management.ts'
import { createSignedRp, type Key, makeKey } from '../support/signed-rp.ts'
import { unreachableHosts } from '../support/unreachable-hosts.ts'
import { createOperator } from '../support/webhooks.ts'

let app: TestApp
let listener: Server
let key: Key
let port = 0
let connections = 0
beforeAll(async () => {
  listener = createServer((socket) => {
    connections += 1
    socket.destroy()
  })
  await new Promise<void>((resolve) => listener.listen(0, '::', resolve))
  port = (listener.address() as AddressInfo).port
  key = await makeKey()
  app = await startApp({ jobs: true })
})
afterAll(async () => {
  await app.close()
  listener.close()
})

const addresses = unreachableHosts.map((host) => `https://${host}:${port}/x`)
const signing = { grant_types: ['client_credentials'], token_endpoint_auth_method: 'private_key_jwt' }

it('has more than a hundred', () => expect(new Set(unreachableHosts).size).toBeGreaterThan(100))

it('as jwks_uri, when a client proves itself', async () => {
  let kept = 0
  for (const jwks_uri of addresses) {
    const metadata = { ...signing, jwks_uri }
    if (!ClientMetadata.safeParse(metadata).success) continue
    kept += 1
    const client_id = `keys-${kept}`
    await app.addClient(client_id, metadata)
    const rp = createSignedRp(app.issuer, { client_id, redirect_uri: '', key })
    const { status } = await rp.post('/oauth2/token', { grant_type: 'client_credentials' })
    expect([jwks_uri, status, connections]).toEqual([jwks_uri, 401, 0])
  }
  expect(kept).toBeGreaterThan(60)
})

it('as receiver of webhooks', async () => {
  const operator = createOperator(createManagement(app.issuer))
  const made: string[] = []
  for (const url of addresses) {
    const { status, body } = await operator.ask('POST', '/webhooks', { url, events: ['team.deleted'] })
    expect([url, [201, 400].includes(status)]).toEqual([url, true])
    if (status === 201) made.push(body.id)
  }
  for (const id of made) await operator.ask('POST', `/webhooks/${id}/test`)
  const triedOf = async (id: string) => Number((await operator.deliveries(id))[0]?.tries)
  for (const id of made) await expect.poll(() => triedOf(id), { timeout: 20_000 }).toBeGreaterThan(0)
  expect(made.length).toBeGreaterThan(5)
  expect(connections).toBe(0)
})
