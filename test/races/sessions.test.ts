// Sessions under requests that overlap: what one of them adds or ends is not undone by another.
import { describe, expect, it } from 'vitest'
import { type Answer, type Door, raceRounds, tally } from '../support/barrier.ts'
import { createPerson, formsOf, type Person } from '../support/browser-less.ts'
import { racePair } from '../support/race-apps.ts'
import { basic, createRp, demoWeb, type RpClient } from '../support/rp.ts'

const rounds = raceRounds(30)
const demoSpa: RpClient = { client_id: 'demo-spa', redirect_uri: 'http://localhost:3001/spa/callback' }
const demoNative: RpClient = { client_id: 'demo-native', redirect_uri: 'http://127.0.0.1/callback' }

const pair = racePair()

async function signedIn(): Promise<Person> {
  const { person } = await createRp(pair().issuer, demoWeb).signIn()
  return person
}

const sessionsOf = () =>
  pair().database.db.prisma.session.findMany({
    orderBy: { createdAt: 'desc' },
    select: { uid: true, authorizations: true },
  })

type Authorization = { client: RpClient; verifier: string; answer: Answer }

/** An authorization by the cookies which the browser holds now. */
async function authorize(door: Door, person: Person, client: RpClient): Promise<Authorization> {
  const { url, verifier } = createRp(pair().issuer, client).authorizeUrl()
  const { pathname, search } = new URL(url)
  const headers = { cookie: person.cookiesFor(url), accept: 'text/html' }
  let answer = await door.ask({ path: pathname + search, headers })
  // Sent once more to where it was: what it had read was changed meanwhile
  for (let again = 0; again < 5 && answer.status === 307; again += 1) {
    answer = await door.ask({ path: String(answer.headers.location), headers })
  }
  return { client, verifier, answer }
}

const codeOf = ({ headers }: Answer): string | null =>
  headers.location === undefined
    ? null
    : new URL(String(headers.location), pair().issuer).searchParams.get('code')

const redeem = (door: Door, { client, verifier, answer }: Authorization): Promise<Answer> =>
  door.ask({
    path: '/oauth2/token',
    form: {
      grant_type: 'authorization_code',
      code: codeOf(answer) ?? '',
      redirect_uri: client.redirect_uri,
      code_verifier: verifier,
      ...(client.client_secret ? {} : { client_id: client.client_id }),
    },
    headers: client.client_secret ? { authorization: basic(client.client_id, client.client_secret) } : {},
  })

const refresh = (door: Door, client: RpClient, refresh_token = 'none'): Promise<Answer> =>
  door.ask({
    path: '/oauth2/token',
    form: { grant_type: 'refresh_token', refresh_token, client_id: client.client_id },
  })

const userinfo = (door: Door, token = 'none'): Promise<Answer> =>
  door.ask({ path: '/oauth2/userinfo', headers: { authorization: `Bearer ${token}` } })

describe(`sessions, ${rounds} rounds`, () => {
  it('keep the authorizations of two clients that were given at the same time', async () => {
    for (let round = 1; round <= rounds; round += 1) {
      const person = await signedIn()
      const both = await Promise.all([
        authorize(pair().doors[0], person, demoSpa),
        authorize(pair().doors[1], person, demoNative),
      ])
      const [session] = await sessionsOf()
      expect(Object.keys(session?.authorizations ?? {}).sort(), `round ${round}`).toEqual([
        'demo-native',
        'demo-spa',
        'demo-web',
      ])
      const answers = await Promise.all(both.map((one) => redeem(pair().doors[0], one)))
      expect(tally(answers), `round ${round}`).toBe('2 × 200')
    }
  })

  it('give two windows of one client, opened at the same time, a usable code each', async () => {
    for (let round = 1; round <= rounds; round += 1) {
      const person = await signedIn()
      const windows = await Promise.all([
        authorize(pair().doors[0], person, demoSpa),
        authorize(pair().doors[1], person, demoSpa),
      ])
      const answers = await Promise.all(windows.map((one) => redeem(pair().doors[1], one)))
      expect(tally(answers), `round ${round}`).toBe('2 × 200')
    }
  })

  it('stay signed in when an older window is answered after the sign-in', async () => {
    for (let round = 1; round <= rounds; round += 1) {
      const rp = createRp(pair().issuer, demoWeb)
      const person = createPerson()
      // Two windows wait at the sign-in page; the session exists from the sign-in of the first one on.
      const first = await person.open(rp.authorizeUrl().url)
      const typed = { email: 'ada@example.test', password: 'analytical-engine-1843' }
      await person.submit(first, typed)
      const again = await person.open(rp.authorizeUrl({ prompt: 'login' }).url)
      const [action] = formsOf(again)
      const body = new URLSearchParams({ ...action?.fields, ...typed })
      const origin = new URL(again.url).origin
      const posted = await person.request(action?.action ?? '', { method: 'POST', body, headers: { origin } })
      const resume = new URL(posted.headers.get('location') ?? '', pair().issuer)

      // The resume gives the session a new id while another window authorizes under the old one.
      const headers = { cookie: person.cookiesFor(resume.href), accept: 'text/html' }
      const [resumed] = await Promise.all([
        pair().doors[0].ask({ path: resume.pathname + resume.search, headers }),
        authorize(pair().doors[1], person, demoSpa),
        authorize(pair().doors[1], person, demoNative),
      ])
      const set = [resumed.headers['set-cookie'] ?? []].flat().map((line) => line.split(';')[0])
      const cookie = set.filter((pair) => pair?.startsWith('foyer_session')).join('; ')
      const { url } = rp.authorizeUrl({ prompt: 'none' })
      const silent = await pair().doors[0].ask({
        path: url.slice(pair().issuer.length),
        headers: { cookie, accept: 'text/html' },
      })
      expect(
        codeOf(silent),
        `round ${round}: ${resumed.status}, then ${String(silent.headers.location)}`,
      ).not.toBeNull()
    }
  })

  it('that ended do not come back, and no token of them lives', async () => {
    for (let round = 1; round <= rounds; round += 1) {
      const person = await signedIn()
      const [before] = await sessionsOf()
      const question = await person.open(`${pair().issuer}/oauth2/logout`)
      const [form] = formsOf(question)
      const yes = { ...form?.fields, logout: 'yes' }
      const path = new URL(form?.action ?? '').pathname
      const headers = {
        cookie: person.cookiesFor(`${pair().issuer}${path}`),
        accept: 'text/html',
        origin: pair().issuer,
      }
      const [, spa, native] = await Promise.all([
        pair().doors[0].ask({ path, form: yes, headers }),
        authorize(pair().doors[1], person, demoSpa),
        authorize(pair().doors[1], person, demoNative),
      ])

      const left = await pair().database.db.prisma.session.findUnique({ where: { uid: before?.uid ?? '' } })
      expect(left, `round ${round}`).toBeNull()
      // Each was asked to sign in again, or has a code of the session that is no more.
      const codes = [spa, native].filter(({ answer }) => codeOf(answer) !== null)
      const tokens = await Promise.all(codes.map((one) => redeem(pair().doors[1], one)))
      for (const { status, body } of tokens) {
        expect([status, body.error], `round ${round}`).toEqual([400, 'invalid_grant'])
      }
    }
  })

  it('that ended take the tokens of a redemption under way with them', async () => {
    for (let round = 1; round <= rounds; round += 1) {
      const person = await signedIn()
      const spa = await authorize(pair().doors[1], person, demoSpa)
      const [form] = formsOf(await person.open(`${pair().issuer}/oauth2/logout`))
      const path = new URL(form?.action ?? '').pathname
      const headers = {
        cookie: person.cookiesFor(`${pair().issuer}${path}`),
        accept: 'text/html',
        origin: pair().issuer,
      }
      const [, redeemed] = await Promise.all([
        pair().doors[0].ask({ path, form: { ...form?.fields, logout: 'yes' }, headers }),
        redeem(pair().doors[1], spa),
      ])
      const { access_token, refresh_token } = redeemed.body
      const after = await Promise.all([
        userinfo(pair().doors[1], access_token),
        refresh(pair().doors[0], demoSpa, refresh_token),
      ])
      expect(
        after.map(({ status }) => status),
        `round ${round}: ${tally([redeemed])}`,
      ).toEqual([401, 400])
    }
  })
})

describe(`revocation beside a refresh, ${rounds} rounds`, () => {
  it('leaves no live token', async () => {
    for (let round = 1; round <= rounds; round += 1) {
      const person = await signedIn()
      const { body } = await redeem(pair().doors[0], await authorize(pair().doors[0], person, demoSpa))
      const token = body.refresh_token ?? ''
      const [refreshed, revoked] = await Promise.all([
        refresh(pair().doors[0], demoSpa, token),
        pair().doors[1].ask({ path: '/oauth2/revoke', form: { token, client_id: demoSpa.client_id } }),
      ])
      const message = `round ${round}: refresh ${tally([refreshed])}, revocation ${tally([revoked])}`
      expect(revoked.status, message).toBe(200)
      const after = await Promise.all([
        userinfo(pair().doors[0], body.access_token),
        userinfo(pair().doors[1], refreshed.body.access_token),
        refresh(pair().doors[0], demoSpa, refreshed.body.refresh_token),
        refresh(pair().doors[1], demoSpa, token),
      ])
      expect(
        after.map(({ status }) => status),
        message,
      ).toEqual([401, 401, 400, 400])
    }
  })
})
