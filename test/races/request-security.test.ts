// What proves or asks something once (class A): pushed requests and assertions, presented many times at one moment to
// two processes.
import { beforeAll, describe, expect, it } from 'vitest'
import { allAtOnce, type Door, raceRounds, tally, warm } from '../support/barrier.ts'
import { createPerson } from '../support/browser-less.ts'
import { racePair } from '../support/race-apps.ts'
import { basic, createRp, demoMachine } from '../support/rp.ts'
import { createSignedRp, dpop, makeKey, type SignedRp } from '../support/signed-rp.ts'

const parallel = 50
const rounds = raceRounds(30)
const redirect_uri = 'https://shop.example/callback'

const pair = racePair()
let rp: SignedRp

beforeAll(async () => {
  rp = await registerSigned(pair().issuer)
  await warm(pair().doors, parallel)
})

/** A client that signs, registered as an owner would. */
async function registerSigned(issuer: string): Promise<SignedRp> {
  const key = await makeKey()
  const { body } = await createRp(issuer, demoMachine).post('/oauth2/token', {
    grant_type: 'client_credentials',
    scope: 'clients:write',
  })
  const response = await fetch(`${issuer}/api/v1/clients`, {
    method: 'POST',
    headers: { authorization: `Bearer ${body.access_token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      redirect_uris: [redirect_uri],
      grant_types: ['authorization_code', 'client_credentials'],
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [key.publicJwk] },
      first_party: true,
    }),
  })
  const { client_id } = (await response.json()) as { client_id: string }
  return createSignedRp(issuer, { client_id, redirect_uri, key })
}

describe(`${parallel} at once at two processes, ${rounds} rounds`, () => {
  it('use a pushed request once (RFC 9126 §4)', async () => {
    const { person } = await rp.signIn({}, { person: createPerson() })
    for (let round = 1; round <= rounds; round += 1) {
      const { body } = await rp.push(rp.request().params)
      const url = new URL(rp.addressOf({ request_uri: body.request_uri ?? '' }))
      const headers = { cookie: person.cookiesFor(url.href), accept: 'text/html' }
      const ask = async (door: Door) => {
        let answer = await door.ask({ path: url.pathname + url.search, headers })
        // Sent once more to where it was, or told by a busy machine to come again
        while ([307, 503].includes(answer.status))
          answer = await door.ask({ path: url.pathname + url.search, headers })
        return answer
      }
      const answers = await allAtOnce(pair().doors, parallel, ask)
      const codes = answers.filter(({ headers }) => String(headers.location).includes('code='))
      expect(codes, `round ${round} saw ${tally(answers)}`).toHaveLength(1)
      expect(answers.filter(({ status }) => status === 400)).toHaveLength(parallel - 1)
    }
  })

  it('take a proof of possession once, for tokens and at the management API (RFC 9449 §11.1)', async () => {
    const { client_id, client_secret } = demoMachine
    const { issuer } = pair()
    const [tokenUrl, apiUrl] = [`${issuer}/oauth2/token`, `${issuer}/api/v1/users`]
    const form = { grant_type: 'client_credentials', scope: 'users:read' }
    const key = await makeKey()
    for (let round = 1; round <= rounds; round += 1) {
      const proof = await dpop(key, { url: tokenUrl })
      const headers = { authorization: basic(client_id, client_secret), ...proof }
      const answers = await allAtOnce(pair().doors, parallel, (door) =>
        door.ask({ path: '/oauth2/token', form, headers }),
      )
      expect(tally(answers), `round ${round}`).toBe(`1 × 200, ${parallel - 1} × 400 invalid_grant`)

      const token = answers.find(({ status }) => status === 200)?.body.access_token ?? ''
      const shown = await dpop(key, { url: apiUrl, method: 'GET', token })
      const asked = await allAtOnce(pair().doors, parallel, (door) =>
        door.ask({ path: '/api/v1/users?limit=1', headers: shown }),
      )
      expect(tally(asked), `round ${round}`).toBe(`1 × 200, ${parallel - 1} × 401`)
    }
  })

  it('know the nonces of one another (RFC 9449 §8)', async () => {
    const { client_id, client_secret } = demoMachine
    const url = `${pair().issuer}/oauth2/token`
    const key = await makeKey()
    let nonce: string | undefined
    for (const door of [...pair().doors, ...pair().doors]) {
      const proof = await dpop(key, { url }, { claims: { nonce } })
      const headers = { authorization: basic(client_id, client_secret), ...proof }
      const answer = await door.ask({
        path: '/oauth2/token',
        form: { grant_type: 'client_credentials' },
        headers,
      })
      expect(answer.status, answer.text).toBe(200)
      nonce ??= String(answer.headers['dpop-nonce'])
    }
  })

  it('take an assertion once (RFC 7523 §3)', async () => {
    for (let round = 1; round <= rounds; round += 1) {
      const form = { grant_type: 'client_credentials', ...(await rp.proof()) }
      const answers = await allAtOnce(pair().doors, parallel, (door) =>
        door.ask({ path: '/oauth2/token', form }),
      )
      expect(tally(answers), `round ${round}`).toBe(`1 × 200, ${parallel - 1} × 401 invalid_client`)
    }
  })
})
