// A person without a browser: keeps cookies, follows redirects, fills the first form of a page and presses a button.
// Machine browsers see the product like this.

export type Page = { status: number; url: string; html: string; headers: Headers }

/** Where a step led: to a page of the product, or away from it to an app. */
export type Went = Page | { left: URL }

export function pageOf(went: Went): Page {
  if ('left' in went) throw new Error(`left for ${went.left}`)
  return went
}

export function leftOf(went: Went): URL {
  if ('left' in went) return went.left
  throw new Error(`${went.status} at ${went.url}:\n${went.html}`)
}

/** The authorization code that an app was given. */
export const codeOf = (went: Went): string => leftOf(went).searchParams.get('code') ?? ''

export const headingOf = ({ html }: Page): string | undefined => /<h1>(.*?)<\/h1>/.exec(html)?.[1]

type Cookie = { name: string; value: string; path: string }

const attribute = (tag: string, name: string): string | undefined =>
  new RegExp(`\\s${name}="([^"]*)"`)
    .exec(tag)?.[1]
    ?.replaceAll('&#34;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')

export type Form = {
  action: string
  fields: Record<string, string>
  buttons: { name?: string; value?: string; text: string }[]
}

/** The forms of a page, in order; the choice of a language at its foot is none of them. */
export function formsOf(page: Page): Form[] {
  const main = /<main\b[\s\S]*<\/main>/.exec(page.html)?.[0] ?? page.html
  return [...main.matchAll(/<form\b[\s\S]*?<\/form>/g)].map(([form]) => {
    const opening = /<form\b[^>]*>/.exec(form)?.[0] ?? ''
    const fields: Record<string, string> = {}
    for (const [input] of form.matchAll(/<input\b[^>]*>/g)) {
      const name = attribute(input, 'name')
      if (name !== undefined) fields[name] = attribute(input, 'value') ?? ''
    }
    const buttons = [...form.matchAll(/<button\b([^>]*)>([\s\S]*?)<\/button>/g)]
      .filter(([, tag = '']) => attribute(tag, 'type') !== 'button')
      .map(([, tag = '', text = '']) => {
        const name = attribute(tag, 'name')
        const value = attribute(tag, 'value')
        return {
          ...(name !== undefined && { name }),
          ...(value !== undefined && { value }),
          text: text.trim(),
        }
      })
    return { action: new URL(attribute(opening, 'action') ?? '', page.url).href, fields, buttons }
  })
}

/** `headers` go along with every request, as a proxy or a certain browser would add them. */
export function createPerson({ headers: always = {} }: { headers?: Record<string, string> } = {}) {
  const jar: Cookie[] = []

  function store(response: Response): void {
    for (const line of response.headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split(/;\s*/)
      const at = pair.indexOf('=')
      const name = pair.slice(0, at)
      const path = attributes.find((each) => /^path=/i.test(each))?.slice(5) ?? '/'
      const expired = attributes.some(
        (each) => /^expires=/i.test(each) && Date.parse(each.slice(8)) < Date.now(),
      )
      const known = jar.findIndex((cookie) => cookie.name === name && cookie.path === path)
      if (known >= 0) jar.splice(known, 1)
      if (!expired && pair.slice(at + 1) !== '') jar.push({ name, value: pair.slice(at + 1), path })
    }
  }

  function cookiesFor(url: string): string {
    const { pathname } = new URL(url)
    return jar
      .filter(({ path }) => pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`))
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ')
  }

  async function request(url: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers({ ...always, ...Object.fromEntries(new Headers(init.headers)) })
    const cookie = cookiesFor(url)
    if (cookie) headers.set('cookie', cookie)
    if (!headers.has('accept')) headers.set('accept', 'text/html')
    const response = await fetch(url, { ...init, headers, redirect: 'manual' })
    store(response)
    return response
  }

  /** Follows redirects while they stay at the issuer; gives the page, or where the browser was sent away to. */
  async function go(url: string, init: RequestInit = {}): Promise<Went> {
    const { origin } = new URL(url)
    let at = url
    let response = await request(at, init)
    for (let hops = 0; hops < 10; hops += 1) {
      const location = response.headers.get('location')
      if (!location)
        return { status: response.status, url: at, html: await response.text(), headers: response.headers }
      await response.arrayBuffer()
      const next = new URL(location, at)
      if (next.origin !== origin) return { left: next }
      at = next.href
      response = await request(at)
    }
    throw new Error(`too many redirects at ${at}`)
  }

  async function open(url: string): Promise<Page> {
    return pageOf(await go(url))
  }

  /** Submits a form of the page: the first one, by its first button, unless told otherwise. */
  async function submit(
    page: Page,
    fields: Record<string, string> = {},
    { form = 0, button }: { form?: number; button?: { name: string; value: string } } = {},
  ): Promise<Went> {
    const chosen = formsOf(page)[form]
    if (!chosen) throw new Error(`no form on ${page.url}:\n${page.html}`)
    const pressed = button ?? chosen.buttons[0]
    const body = new URLSearchParams({ ...chosen.fields, ...fields })
    if (pressed?.name !== undefined) body.set(pressed.name, pressed.value ?? '')
    return go(chosen.action, { method: 'POST', body, headers: { origin: new URL(page.url).origin } })
  }

  return { jar, request, go, open, submit, cookiesFor }
}

export type Person = ReturnType<typeof createPerson>

/** Through the pages of sign-in, as far as they go. */
export async function throughSignIn(
  person: Person,
  from: Page,
  { email, password }: { email: string; password: string },
): Promise<Page> {
  let page = from
  for (let steps = 0; steps < 4 && page.url.includes('/interaction/'); steps += 1) {
    page = pageOf(await person.submit(page, { email, password }))
  }
  return page
}
