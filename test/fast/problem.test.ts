// Failures as clients see them, and the table of their words.
import { globSync, readFileSync } from 'node:fs'
import Router from '@koa/router'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as errors from '../../src/kernel/errors.ts'
import { describeProblems } from '../../src/web/problem.ts'
import { problems } from '../../src/web/problem-words.ts'
import { type Edge, startEdge } from '../support/edge.ts'

const thrown: Record<string, () => unknown> = {
  invalid: () =>
    errors.invalidInput([{ pointer: '/email', code: 'invalid_format', detail: 'is no address' }]),
  credentials: errors.invalidCredentials,
  forbidden: () => errors.forbidden(),
  missing: () => errors.notFound(),
  conflict: () => errors.conflict('already_member'),
  gone: () => errors.gone('link_spent'),
  limited: () => errors.rateLimited(59.2),
  database: () => errors.unavailable('database_unavailable', new Error('canary: connection refused')),
  bug: () => new Error('canary in a bug'),
  text: () => 'canary that is no error',
}

let edge: Edge
beforeAll(async () => {
  edge = await startEdge({
    routes: (app) => {
      const router = new Router()
      router.get('/things/:id', (ctx) => {
        ctx.body = 'a thing'
      })
      router.get('/http-error', (ctx) => ctx.throw(413, 'canary'))
      router.get('/half', (ctx) => {
        ctx.set({ ETag: '"x"', 'Cache-Control': 'public, max-age=60' })
        throw errors.forbidden()
      })
      app.use(describeProblems())
      app.use(async (ctx, next) => {
        const make = thrown[ctx.path.slice(1)]
        if (make) throw make()
        await next()
      })
      app.use(router.routes()).use(router.allowedMethods())
    },
  })
})
afterAll(() => edge.close())

describe('a problem', () => {
  it.each([
    ['/invalid', 400, 'invalid_input'],
    ['/credentials', 401, 'invalid_credentials'],
    ['/forbidden', 403, 'forbidden'],
    ['/missing', 404, 'not_found'],
    ['/nowhere', 404, 'not_found'],
    ['/conflict', 409, 'already_member'],
    ['/gone', 410, 'link_spent'],
    ['/http-error', 413, 'body_too_large'],
    ['/limited', 429, 'rate_limited'],
    ['/database', 503, 'database_unavailable'],
    ['/bug', 500, 'internal_error'],
    ['/text', 500, 'internal_error'],
  ])('for %s has status %i and code %s', async (path, status, code) => {
    const answer = await edge.ask(path)
    expect(answer.status).toBe(status)
    expect(answer.headers['content-type']).toBe('application/problem+json')
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(answer.json()).toMatchObject({
      type: `/problems/${code}`,
      title: expect.stringMatching(/./),
      status,
      code,
      instance: answer.headers['x-request-id'],
    })
    expect(answer.text).not.toContain('canary')
  })

  it('says what to do, unless the fault is ours', async () => {
    expect((await edge.ask('/gone')).json().detail).toBe('Each link works once. Ask for a new one.')
    expect((await edge.ask('/bug')).json()).not.toHaveProperty('detail')
  })

  it('points at the fields to correct', async () => {
    expect((await edge.ask('/invalid')).json().errors).toEqual([
      { pointer: '/email', code: 'invalid_format', detail: 'is no address' },
    ])
  })

  it('says when to come back, in whole seconds', async () => {
    expect((await edge.ask('/limited')).headers['retry-after']).toBe('60')
    expect((await edge.ask('/database')).headers['retry-after']).toBe('1')
  })

  it('takes back what the handler had said about its own answer', async () => {
    const { headers } = await edge.ask('/half')
    expect(headers).toMatchObject({ 'cache-control': 'no-store' })
    expect(headers).not.toHaveProperty('etag')
  })

  it('names the allowed methods of a known route', async () => {
    const answer = await edge.ask('/things/1', { method: 'DELETE' })
    expect(answer.status).toBe(405)
    expect(answer.headers.allow).toBe('HEAD, GET')
    expect(answer.json()).toMatchObject({ code: 'method_not_allowed' })
  })

  it('leaves its cause in the log, with the request it belongs to', async () => {
    const answer = await edge.ask('/bug')
    const line = edge.logLines.find((each) => each.requestId === answer.headers['x-request-id'])
    expect(line).toMatchObject({ level: 'error', status: 500, err: { message: 'canary in a bug' } })
  })

  it('is a page for a browser, with the reference on it', async () => {
    const answer = await edge.ask('/limited', { headers: { accept: 'text/html,*/*;q=0.8' } })
    expect(answer.status).toBe(429)
    expect(answer.headers['content-type']).toContain('text/html')
    expect(answer.headers['retry-after']).toBe('60')
    expect(answer.text).toContain('Too many tries')
    expect(answer.text).toContain(answer.headers['x-request-id'])
  })

  it('explains itself at its type', async () => {
    expect((await edge.ask('/problems/not_found')).json()).toMatchObject({ code: 'not_found' })
    expect((await edge.ask('/problems/toString')).status).toBe(404)
    expect((await edge.ask('/problems/unheard_of')).status).toBe(404)
  })
})

describe('the table of problems', () => {
  const raised =
    /(?:unavailable|conflict|gone|notFound|forbidden)\('([a-z_]+)'|new AppError\(\s*'[a-z_]+',\s*'([a-z_]+)'/g

  it('has words for every code that the source raises', () => {
    const codes = globSync('src/**/*.ts')
      .filter((path) => !path.includes('generated'))
      .flatMap((path) =>
        [...readFileSync(path, 'utf8').matchAll(raised)].map((match) => match[1] ?? match[2] ?? ''),
      )
    expect(codes).toContain('database_unavailable')
    expect([...new Set(codes)].filter((code) => !Object.hasOwn(problems, code))).toEqual([])
  })

  it('has full sentences', () => {
    for (const { title, detail } of Object.values(problems)) {
      expect(title).toMatch(/^[A-Z].*[^.]$/)
      expect(detail).toMatch(/^[A-Z].*\.$/)
    }
  })
})
