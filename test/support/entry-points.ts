// Owns the doors at which a stranger could try to learn who has an account: how each is walked up to, and the one
// request that would have to tell. Used by test/flows/enumeration.test.ts and scripts/enumeration.ts.
import { createPerson, formsOf, type Page, type Person } from './browser-less.ts'
import { createRp } from './rp.ts'

export type Answer = { status: number; headers: string[]; body: string }
/** Sends the request that is compared and measured. */
export type Knock = () => Promise<Response>
export type EntryPoint = {
  name: string
  /** Everything before that request; `address` is where this sample comes from. */
  arrive(issuer: string, email: string, address: string): Promise<Knock>
}

const wrongPassword = 'a-wrong-guess-0001'

function pageOf(went: Page | { left: URL }): Page {
  if ('left' in went) throw new Error(`left for ${went.left}`)
  return went
}

/** Presses a button of the first form, without following where that leads. */
function press(person: Person, page: Page, fields: Record<string, string>, button?: [string, string]): Knock {
  const [form] = formsOf(page)
  if (!form) throw new Error(`no form on ${page.url}`)
  const body = new URLSearchParams({ ...form.fields, ...fields })
  if (button) body.set(...button)
  const headers = { origin: new URL(page.url).origin }
  return () => person.request(form.action, { method: 'POST', body, headers })
}

const personAt = (address: string): Person => createPerson({ headers: { 'x-forwarded-for': address } })
const firstPage = (issuer: string, person: Person): Promise<Page> =>
  person.open(createRp(issuer).authorizeUrl().url)

async function follow(person: Person, page: Page, ending: string): Promise<Page> {
  const href = new RegExp(`<a [^>]*href="([^"]+/${ending})"`).exec(page.html)?.[1]
  if (href === undefined) throw new Error(`no way to ${ending} on ${page.url}`)
  return person.open(new URL(href, page.url).href)
}

const onThePage = (
  name: string,
  arrive: (person: Person, issuer: string, email: string) => Promise<Knock>,
) => ({
  name,
  arrive: (issuer: string, email: string, address: string) => arrive(personAt(address), issuer, email),
})

const atTheDoor = (name: string, path: string, bodyFor: (email: string) => object): EntryPoint => ({
  name,
  arrive: async (issuer, email, address) => () =>
    fetch(issuer + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-forwarded-for': address },
      body: JSON.stringify(bodyFor(email)),
    }),
})

/** With registration in the mode `verified`. */
export const entryPoints: readonly EntryPoint[] = [
  onThePage('password page', async (person, issuer, email) => {
    const page = pageOf(await person.submit(await firstPage(issuer, person), { email }))
    return press(person, page, { email, password: wrongPassword })
  }),
  onThePage('code by mail', async (person, issuer, email) =>
    press(person, await firstPage(issuer, person), { email }, ['method', 'code']),
  ),
  onThePage('link by mail', async (person, issuer, email) =>
    press(person, await firstPage(issuer, person), { email }, ['method', 'link']),
  ),
  onThePage('sign-up page', async (person, issuer, email) =>
    press(person, await follow(person, await firstPage(issuer, person), 'sign-up'), { email }),
  ),
  onThePage('recovery page', async (person, issuer, email) => {
    const page = pageOf(await person.submit(await firstPage(issuer, person), { email }))
    return press(person, await follow(person, page, 'recover'), { email })
  }),
  atTheDoor('POST /auth/login', '/auth/login', (email) => ({ email, password: wrongPassword })),
  atTheDoor('POST /auth/register', '/auth/register', (email) => ({
    email,
    password: 'a-password-of-their-own',
  })),
  atTheDoor('POST /auth/password/forgot', '/auth/password/forgot', (email) => ({ email })),
  atTheDoor('POST /auth/passwordless/start', '/auth/passwordless/start', (email) => ({
    email,
    method: 'code',
  })),
]

/** What differs between any two answers, whoever asks: random values, times, and the address itself. */
export function masked(text: string, email: string): string {
  return text
    .replaceAll(email, 'EMAIL')
    .replaceAll(encodeURIComponent(email), 'EMAIL')
    .replaceAll(/\/interaction\/[\w-]+/g, '/interaction/UID')
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'UUID')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/expires=[^;]+GMT/g, 'expires=TIME')
    .replaceAll(/(data-local>)[^<]+/g, '$1TIME')
    .replaceAll(/[A-Za-z0-9_-]{21,}/g, (value) => `RANDOM${value.length}`)
}

export async function answerOf(response: Response, email: string): Promise<Answer> {
  const headers = [...response.headers]
    .filter(([name]) => name !== 'date')
    .map(([name, value]) => masked(`${name}: ${value}`, email))
  return { status: response.status, headers, body: masked(await response.text(), email) }
}
