import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Koa from 'koa'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadTemplates } from '../../src/platform/templates.ts'
import { createAssets } from '../../src/web/assets.ts'

let dir: string
const stops: (() => unknown)[] = []

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'foyer-views-'))
})

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
  await rm(dir, { recursive: true })
})

async function served({ reload = false } = {}) {
  await writeFile(join(dir, 'app.css'), `body { color: red }${' '.repeat(500)}`)
  const assets = createAssets(dir, { reload })
  const server = new Koa().use(assets.middleware).listen(0, '127.0.0.1')
  stops.push(() => server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { assets, get: (path: string, init?: RequestInit) => fetch(origin + path, init) }
}

describe('public files', () => {
  it.each(['br', 'gzip', 'identity'])('arrive as %s and whole, to be kept for good', async (encoding) => {
    const { assets, get } = await served()
    const answer = await get(assets.url('app.css'), { headers: { 'accept-encoding': encoding } })

    expect(answer.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
    expect(answer.headers.get('content-type')).toBe('text/css; charset=utf-8')
    expect(answer.headers.get('vary')).toBe('Accept-Encoding')
    expect(answer.headers.get('content-encoding')).toBe(encoding === 'identity' ? null : encoding)
    expect((await answer.text()).trim()).toBe('body { color: red }')
  })

  it('are not sent again to whoever has them', async () => {
    const { assets, get } = await served()
    const etag = (await get(assets.url('app.css'))).headers.get('etag') ?? ''
    // Named, since fetch would ask for an answer past every cache
    const headers = { 'if-none-match': etag, 'cache-control': 'max-age=0' }
    const answer = await get(assets.url('app.css'), { headers })

    expect(answer.status).toBe(304)
    expect(await answer.text()).toBe('')
  })

  it.each([
    '/assets/app.css',
    '/assets/app.000000000000.css',
    '/assets/../package.json',
    '/assets/__proto__',
  ])('answer 404 to %s', async (path) => {
    const { get } = await served()
    expect((await get(path)).status).toBe(404)
  })

  it('answer only to GET and HEAD', async () => {
    const { assets, get } = await served()
    expect((await get(assets.url('app.css'), { method: 'HEAD' })).status).toBe(200)
    expect((await get(assets.url('app.css'), { method: 'POST' })).status).toBe(404)
  })

  it('get a new address when they change, where reloading is on', async () => {
    const { assets, get } = await served({ reload: true })
    const before = assets.url('app.css')
    await writeFile(join(dir, 'app.css'), 'body { color: green; background: white }')

    expect(assets.url('app.css')).not.toBe(before)
    expect(await (await get(assets.url('app.css'))).text()).toContain('green')
  })

  it('must be there to have an address', async () => {
    const { assets } = await served()
    expect(() => assets.url('missing.css')).toThrow('There is no public file named missing.css')
  })
})

describe('templates', () => {
  it('give a partial what is named, and nothing else', async () => {
    await writeFile(join(dir, 'part.ejs'), '[<%= view.given %>|<%= view.kept %>]\n')
    await writeFile(join(dir, 'page.ejs'), "<%- include('part', { given: view.kept }) %>!")
    expect(loadTemplates(dir).render('page', { kept: '<b>' })).toBe('[&lt;b&gt;|]!')
  })

  it('read again what has changed, where reloading is on', async () => {
    const path = join(dir, 'page.ejs')
    await writeFile(path, 'old')
    const [fixed, live] = [loadTemplates(dir), loadTemplates(dir, { reload: true })]
    await writeFile(path, 'new and longer')

    expect(fixed.render('page', {})).toBe('old')
    expect(live.render('page', {})).toBe('new and longer')
  })

  it('are refused at boot when they do not compile', async () => {
    await writeFile(join(dir, 'page.ejs'), '<% if (view.x) { %>')
    expect(() => loadTemplates(dir)).toThrow('page.ejs')
  })

  it('must be there to be shown', () => {
    expect(() => loadTemplates(dir).render('missing', {})).toThrow('There is no view named missing')
  })
})
