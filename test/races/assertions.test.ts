// One assertion, brought by many at the same moment to two processes, is good once.
import { randomUUID } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { allAtOnce, raceRounds, tally, warm } from '../support/barrier.ts'
import { all, createManagement } from '../support/management.ts'
import { racePair } from '../support/race-apps.ts'
import { type Key, makeKey, sign } from '../support/signed-rp.ts'

const grant_type = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const pair = racePair()
let key: Key
let clientId = ''
beforeAll(async () => {
  key = await makeKey()
  const api = createManagement(pair().issuer)
  const json = {
    grant_types: [grant_type],
    token_endpoint_auth_method: 'none',
    assertion_issuers: [{ issuer: 'https://ci.example', jwks: { keys: [key.publicJwk] }, subject: 'job' }],
  }
  const { body } = await api.ask('POST', '/clients', { as: await api.machineToken(all), json })
  clientId = String(body.client_id)
})

describe('an assertion', () => {
  it('is good once, for whichever of fifty came first', async () => {
    await warm(pair().doors, 50)
    for (let round = 0; round < raceRounds(20); round += 1) {
      const now = Math.floor(Date.now() / 1000)
      const says = {
        iss: 'https://ci.example',
        sub: 'job',
        aud: pair().issuer,
        iat: now,
        exp: now + 60,
      }
      const assertion = await sign(key, { ...says, jti: randomUUID() })
      const form = { grant_type, assertion, client_id: clientId, resource: 'urn:demo:quests' }
      const answers = await allAtOnce(pair().doors, 50, (door) => door.ask({ path: '/oauth2/token', form }))
      expect(tally(answers)).toBe('1 × 200, 49 × 400 invalid_grant')
    }
  })
})
