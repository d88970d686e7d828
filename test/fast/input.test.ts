// Bodies as strangers send them, and the shapes they are parsed into.
import { request } from 'node:http'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { AppError } from '../../src/kernel/errors.ts'
import { parse, parseForm, parseJson, readBody, readForm, readJson } from '../../src/web/input.ts'
import { type Edge, startEdge } from '../support/edge.ts'

const formType = { 'content-type': 'application/x-www-form-urlencoded' }
const jsonType = { 'content-type': 'application/json' }

let edge: Edge
beforeAll(async () => {
  edge = await startEdge({
    routes: (app) =>
      app.use(async (ctx) => {
        if (ctx.path === '/form') ctx.body = await readForm(ctx)
        if (ctx.path === '/json') ctx.body = { value: await readJson(ctx) }
        if (ctx.path === '/slow') ctx.body = await readBody(ctx, { bytes: 100, timeoutMs: 30 })
      }),
  })
})
afterAll(() => edge.close())

const post = (path: string, headers: Record<string, string>, body: string | Buffer) =>
  edge.ask(path, { method: 'POST', headers, body })

describe('a posted form', () => {
  it('is read as a browser sends it', async () => {
    const { text } = await post('/form', formType, 'email=ada%40example.test&name=Ada+L%C3%B6we&empty=&bare')
    expect(JSON.parse(text)).toEqual({ email: 'ada@example.test', name: 'Ada Löwe', empty: '', bare: '' })
  })

  it.each([
    ['a doubled name', 'a=1&a=2'],
    ['a name doubled by encoding', 'a=1&%61=2'],
    ['NUL', 'a=%00'],
    ['half a surrogate pair', 'a=%ED%A0%80'],
    ['a broken escape', 'a=%zz'],
    ['bytes that are not UTF-8', 'a=%ff'],
    ['the name __proto__', '__proto__=1'],
  ])('is refused with %s', async (_, body) => {
    const answer = await post('/form', formType, body)
    expect(answer.status).toBe(400)
    expect(answer.json()).toMatchObject({ code: 'invalid_request' })
  })

  it.each([
    ['another type', { 'content-type': 'multipart/form-data; boundary=x' }],
    ['JSON', jsonType],
    ['no type', {}],
    ['another charset', { 'content-type': 'application/x-www-form-urlencoded; charset=utf-16' }],
    ['compression', { ...formType, 'content-encoding': 'gzip' }],
  ])('is refused as %s', async (_, headers) => {
    expect((await post('/form', headers, 'a=1')).status).toBe(415)
  })

  it('may name its charset', async () => {
    const headers = { 'content-type': 'Application/X-WWW-Form-Urlencoded; Charset="UTF-8"' }
    expect((await post('/form', headers, 'a=1')).json()).toEqual({ a: '1' })
  })
})

describe('a JSON body', () => {
  it.each([
    '{"a":{"b":[1,"x",null]}}',
    '"a bare string"',
    '[{"a":1},{"a":2}]',
    '{"a":"{\\"a\\":1,\\"a\\":2}"}',
  ])('is read from %s', async (body) => {
    expect((await post('/json', jsonType, body)).json()).toEqual({ value: JSON.parse(body) })
  })

  it.each([
    ['nothing', ''],
    ['half a document', '{"a":'],
    ['a doubled name', '{"a":1,"b":{"a":2},"a":3}'],
    ['a name doubled by escape', '{"a":1,"\\u0061" : 2}'],
    ['NUL', '{"a":"\\u0000"}'],
    ['NUL in a name', '{"\\u0000":1}'],
    ['half a surrogate pair', '{"a":["\\ud800"]}'],
    ['the name __proto__', '{"a":{"__proto__":{"admin":true}}}'],
    ['too many levels', '['.repeat(40) + ']'.repeat(40)],
    ['very many levels', '['.repeat(28_000) + ']'.repeat(28_000)],
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
  ])('is refused with %s', async (_, body) => {
    const answer = await post('/json', jsonType, body)
    expect(answer.status).toBe(400)
    expect(answer.json()).toMatchObject({ code: 'invalid_request' })
  })

  it('is refused as a form', async () => {
    expect((await post('/json', formType, '{}')).status).toBe(415)
  })
})

describe('a body', () => {
  it('may have 56 KiB', async () => {
    const value = 'x'.repeat(56 * 1024 - 2)
    expect((await post('/json', jsonType, `"${value}"`)).json()).toEqual({ value })
  })

  it('is refused above that, by its announced length', async () => {
    const answer = await post('/json', jsonType, `"${'x'.repeat(1024 * 1024)}"`)
    expect(answer.status).toBe(413)
    expect(answer.json()).toMatchObject({ code: 'body_too_large' })
  })

  it('is refused above that, when it announces none', async () => {
    const headers = { ...jsonType, 'transfer-encoding': 'chunked' }
    expect((await post('/json', headers, `"${'x'.repeat(1024 * 1024)}"`)).status).toBe(413)
  })

  it('is not waited for longer than the limit', async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const { port } = new URL(edge.origin)
      const headers = { ...jsonType, 'content-length': '50', host: `localhost:${port}` }
      const outgoing = request(
        { port, host: '127.0.0.1', path: '/slow', method: 'POST', headers },
        (response) => {
          resolve(response.statusCode)
          outgoing.destroy()
        },
      )
      outgoing.on('error', reject)
      outgoing.write('"')
    })
    expect(status).toBe(408)
  })
})

describe('parsing into a shape', () => {
  const Shape = z.strictObject({ email: z.email(), tags: z.array(z.string()).optional() })

  it('points at every field to correct', () => {
    const refused = () => parse(Shape, { email: 'x', tags: ['a', 1], 'a/b~c': 1 })
    expect(refused).toThrow(AppError)
    try {
      refused()
    } catch (error) {
      const { details, code } = error as AppError
      expect(code).toBe('invalid_input')
      expect(details.errors?.map(({ pointer }) => pointer).sort()).toEqual(['/a~1b~0c', '/email', '/tags/1'])
    }
  })

  it('gives back what fits', () => {
    expect(parse(Shape, { email: 'ada@example.test' })).toEqual({ email: 'ada@example.test' })
  })
})

describe('any text', () => {
  const isRefusal = (read: () => unknown) => {
    try {
      read()
      return true
    } catch (error) {
      return error instanceof AppError && error.kind === 'invalid'
    }
  }

  it('is a form or a refusal, never another error', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => isRefusal(() => parseForm(text))))
  })

  it('is JSON or a refusal, never another error', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => isRefusal(() => parseJson(text))))
  })

  it('of harmless JSON is read as JSON.parse reads it', () => {
    const harmless = fc.jsonValue({
      maxDepth: 5,
      stringUnit: fc.constantFrom('a', 'ü', '"', '{', '}', ':', ',', '\\'),
    })
    fc.assert(
      fc.property(harmless, (value) => {
        expect(parseJson(JSON.stringify(value))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })
})
