import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listFolder } from '../../src/platform/folder.ts'
import { type Pages, say } from '../../src/web/views.ts'
import { publicDir, startPageApp, viewsDir } from '../support/page-app.ts'
import { of, samples } from '../support/page-samples.ts'

const names = Object.keys(samples)
const hostile = `"><script>alert(1)</script>'`

let app: Awaited<ReturnType<typeof startPageApp>>
const html: Record<string, string> = {}

beforeAll(async () => {
  app = await startPageApp()
  for (const name of names) html[name] = await (await fetch(app.url(name))).text()
})

afterAll(() => app.close())

const pageOf = (name: string) => html[name] ?? ''
const count = (text: string, pattern: RegExp) => text.match(pattern)?.length ?? 0
const titleOf = (name: string) => /<title>(.*)<\/title>/.exec(pageOf(name))?.[1]
/** Without the choice of language, which stands at the foot of every page. */
const bodyOf = (text: string) => text.replace(/<form class="language".*?<\/form>/s, '')
const buttonsOf = (text: string) => [...bodyOf(text).matchAll(/<button[^>]*>/g)].map(([tag]) => tag)

async function shown(sample: ReturnType<typeof of>, lang?: string): Promise<string> {
  samples.once = sample
  const answer = await fetch(`${app.url('once')}${lang ? `?lang=${lang}` : ''}`)
  delete samples.once
  return answer.text()
}

describe('templates', () => {
  it('leave unescaped only what they include, the body of a layout and what rich() has escaped', () => {
    for (const path of listFolder(viewsDir)) {
      const source = readFileSync(join(viewsDir, path), 'utf8')
      const raw = [...source.matchAll(/<%-\s*(.*?)\s*%>/gs)].map(([, expression]) => expression ?? '')
      const allowed = raw.filter(
        (expression) =>
          /^include\('[\w/-]+', (\{.*\}|view)\)$/s.test(expression) ||
          /^view\.rich\(([^()]|\([^()]*\))*\)$/.test(expression) ||
          (/(^|\/)layout\.ejs$/.test(path) && expression === 'view.body'),
      )
      expect(raw, path).toEqual(allowed)
    }
  })

  it('hold no style, script or handler of their own', () => {
    // Mails have no style sheet to link to.
    for (const path of listFolder(viewsDir).filter((each) => !each.startsWith('mail/'))) {
      const source = readFileSync(join(viewsDir, path), 'utf8')
      expect(source, path).not.toMatch(/<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)/)
    }
  })

  it('switch autocompletion off nowhere and use no placeholder', () => {
    for (const name of names) expect(pageOf(name), name).not.toMatch(/autocomplete="off"|placeholder=/)
  })
})

describe('every page', () => {
  it.each(names)('%s: has a language, a direction, one h1, one main and unique ids', (name) => {
    const page = pageOf(name)
    expect(page).toMatch(/^<!doctype html>\n<html lang="en" dir="ltr">/)
    expect(count(page, /<h1[ >]/g)).toBe(1)
    expect(count(page, /<main[ >]/g)).toBe(1)
    const ids = [...page.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id)
    expect(new Set(ids).size).toBe(ids.length)
    expect(page).not.toContain('undefined')
  })

  it('turns round for a language that is written from right to left', async () => {
    const page = await shown(of('logout/done', {}), 'ar')
    expect(page).toContain('<html lang="ar" dir="rtl">')
  })

  it('begins its title with "Error:" when something needs mending', () => {
    expect(titleOf('sign-in, error')).toBe('Error: Sign in to Acme Quests – Foyer')
    expect(titleOf('password, too many tries')).toMatch(/^Error: /)
    expect(titleOf('sign-in')).toBe('Sign in to Acme Quests – Foyer')
  })

  it('escapes what visitors and apps say', async () => {
    const errors = [{ field: 'email', text: hostile }]
    const app = { name: hostile, uri: 'https://acme.test/' }
    const pages = [
      of('interaction/sign-in', { action: hostile, app, email: hostile, errors }),
      of('interaction/password', { action: hostile, app, email: hostile }),
      of('interaction/consent', {
        action: '/',
        app,
        redirectHost: hostile,
        account: { email: hostile, name: hostile },
        items: [{ title: hostile, value: hostile }],
        apis: [{ name: hostile, scopes: [{ name: hostile, description: hostile }] }],
        unverified: true,
      }),
      of('interaction/consent', {
        action: '/',
        app,
        redirectHost: hostile,
        account: { email: hostile },
        items: [],
        unverified: true,
        documentHost: hostile,
      }),
      of('error', {
        status: 400,
        title: hostile,
        explanation: hostile,
        fault: 'you',
        advice: hostile,
        error: hostile,
        errorDescription: hostile,
        reference: hostile,
        backTo: { name: hostile, uri: 'https://acme.test/' },
      }),
      of('dev/mail', {
        mails: [{ id: 'm', to: hostile, subject: hostile, text: hostile, html: hostile, at: 'now' }],
      }),
    ]
    for (const sample of pages) {
      const page = await shown(sample)
      expect(page, sample.page).toContain('&lt;script&gt;')
      expect(page, sample.page).not.toContain('<script>')
    }
  })

  it('does not let the name of an app turn the words around it', async () => {
    const page = await shown(of('interaction/sign-in', { action: '/', app: { name: '\u202Eemca' } }))
    expect(page).toContain('<h1>Sign in to emca</h1>')
  })

  it('is stored by nobody and says where its form may lead', async () => {
    const answer = await fetch(app.url('sign-in'))
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(answer.headers.get('content-security-policy')).toContain("form-action 'self';")
    // See web/render.ts: pages mix secrets with visitors' words, so they are not compressed
    expect(answer.headers.get('content-encoding')).toBeNull()
  })
})

describe('sign-in pages', () => {
  const steps = ['identifier', 'password', 'sign-in', 'sign-in, every way']

  it.each(steps)('%s: has the words "Sign in", and its first button is the way on', (name) => {
    expect(pageOf(name)).toMatch(/<h1>Sign in/)
    expect(buttonsOf(pageOf(name))[0]).toBe('<button type="submit" class="primary">')
  })

  it.each(steps)('%s: offers the app the answer access_denied', (name) => {
    expect(pageOf(name)).toMatch(/name="decision" value="deny">Cancel, back to Acme Quests</)
  })

  it('offer mail instead of the password only where mail is sent', () => {
    expect(buttonsOf(pageOf('sign-in, every way')).slice(1, 3)).toEqual([
      '<button type="submit" class="quiet" name="method" value="link">',
      '<button type="submit" class="quiet" name="method" value="code">',
    ])
    expect(pageOf('sign-in')).not.toContain('name="method"')
  })

  it('put the buttons of the demo people after those of the form', () => {
    const page = pageOf('sign-in')
    expect(page.indexOf('Continue as Ada')).toBeGreaterThan(page.indexOf('value="deny"'))
    expect(pageOf('sign-in, every way')).not.toContain('Demo people')
  })

  it('keep what was typed, except secrets', () => {
    expect(pageOf('sign-in, error')).toMatch(/id="email"[^>]*value="ada@example\.test"/)
    expect(pageOf('sign-in, error')).not.toMatch(/type="password"[^>]*value=/)
  })

  it.each([
    ['identifier', /id="email"[^>]*autocomplete="username webauthn"/],
    ['identifier', /class="offscreen" type="password" name="password" autocomplete="current-password"/],
    ['password', /id="username"[^>]*autocomplete="username" readonly/],
    ['password', /id="password"[^>]*autocomplete="current-password"/],
    ['sign-in', /id="email"[^>]*autocomplete="username webauthn"/],
    ['set-up', /id="password"[^>]*autocomplete="new-password"[^>]*passwordrules="minlength: 15;"/],
  ])('%s: tells password managers what is what (%s)', (name, pattern) => {
    expect(pageOf(name)).toMatch(pattern)
  })

  it('post only email, password, method and decision', () => {
    for (const name of steps) {
      const posted = [...bodyOf(pageOf(name)).matchAll(/\sname="(\w+)"/g)].map(([, field]) => field)
      const allowed = new Set(['viewport', 'robots', 'email', 'password', 'method', 'decision'])
      expect(
        posted.filter((field) => field && !allowed.has(field)),
        name,
      ).toEqual([])
    }
  })

  it('count the time to the next try in words', async () => {
    const wait = async (retryAfterSeconds: number) => {
      const view: Pages['interaction/password'] = {
        action: '/',
        email: 'ada@example.test',
        errors: [say.tooManyTries()],
        retryAt: new Date('2026-03-01T14:32:00Z'),
        retryAfterSeconds,
      }
      return /in about [^.]*/.exec(await shown(of('interaction/password', view)))?.[0]
    }
    expect(await wait(30)).toBe('in about 30 seconds')
    expect(await wait(90)).toBe('in about 90 seconds')
    expect(await wait(200)).toBe('in about 4 minutes')
  })
})

describe('consent', () => {
  it('asks with allow first, then deny', () => {
    expect(buttonsOf(pageOf('consent')).slice(0, 2)).toEqual([
      '<button type="submit" class="primary" name="decision" value="allow">',
      '<button type="submit" class="quiet" name="decision" value="deny">',
    ])
  })

  it('shows the actual values, the host that is returned to and what goes on later', () => {
    const page = pageOf('consent')
    expect(page).toContain('<li>Your email <strong><bdi>ada@example.test</bdi></strong></li>')
    expect(page).toContain('<bdi>quests.acme.test</bdi>')
    expect(page).toContain('Keep working when you are not signed in, until you remove it')
  })

  it('warns of an app nobody has checked, and only of such a one', () => {
    expect(pageOf('consent, unverified with APIs')).toContain('Nobody here has checked this app.')
    expect(pageOf('consent')).not.toContain('Nobody here has checked this app.')
    const described = pageOf('consent, from a document')
    expect(described).toContain('Nobody here has checked this app.')
    for (const host of ['agents.acme.test', '127.0.0.1:53682'])
      expect(described).toContain(`<bdi>${host}</bdi>`)
  })
})

describe('ways out', () => {
  it('start the expired page anew, or lead on', () => {
    expect(pageOf('expired')).toMatch(
      /<form method="post"[^>]*>\s*<button type="submit" class="primary">Continue to Acme/,
    )
    expect(pageOf('expired, elsewhere')).toContain(
      '<a class="primary" href="/account">Continue to your account',
    )
  })

  it('show error, description and reference as text', () => {
    const page = pageOf('error')
    expect(page).toContain('<code>invalid_redirect_uri</code>')
    expect(page).toContain('redirect_uri did not match any of the client&#39;s registered redirect_uris')
    expect(page).toContain('>0197c0de-7a3f-7c51-9d20-4f1b6a8e2c33</code>')
    expect(page).toContain('href="https://quests.acme.test/">Back to Acme Quests')
  })

  it('ask before signing out, with staying as the second button', () => {
    expect(buttonsOf(pageOf('sign-out question'))).toEqual([
      '<button type="submit" class="primary" name="logout" value="yes">',
      '<button type="submit" class="quiet">',
    ])
    expect(pageOf('signed out')).toContain('Sign in again to Acme Quests')
  })
})

describe('weight', () => {
  const gzipped = (path: string) => gzipSync(readFileSync(join(publicDir, path))).length

  it.each(['identifier', 'password', 'sign-in', 'sign-in, error'])('%s: is at most 5 KB', (name) => {
    expect(Buffer.byteLength(pageOf(name))).toBeLessThanOrEqual(5 * 1024)
  })

  it('is at most 6 KB of style and 2 KB of script', () => {
    expect(gzipped('app.css')).toBeLessThanOrEqual(6 * 1024)
    expect(gzipped('login.js')).toBeLessThanOrEqual(2 * 1024)
  })
})
