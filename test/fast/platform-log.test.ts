import { describe, expect, it } from 'vitest'
import { notFound } from '../../src/kernel/errors.ts'
import { createAccessLog, createLog } from '../../src/platform/log.ts'

function logLines() {
  const lines: string[] = []
  const log = createLog({ level: 'info', color: false }, { write: (line: string) => void lines.push(line) })
  return { log, lines }
}

describe('the access log', () => {
  const line = {
    event: 'http.request',
    method: 'GET',
    path: '/a"b',
    status: 200,
    seconds: 0.001,
    requestId: 'r1',
    address: '::1',
  }

  it('writes lines that look like those of the log', () => {
    const { log } = logLines()
    const written: string[] = []
    const access = createAccessLog(log, () => ({ write: (text) => void written.push(text) }))
    access.write(line)
    expect(written).toEqual([])
    access.flush()
    expect(written.join('')).toMatch(/^\{.*\}\n$/)
    expect(JSON.parse(written.join(''))).toEqual({
      level: 'info',
      pid: process.pid,
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      ...line,
    })
  })

  it('is silent where the log is', () => {
    const written: string[] = []
    const log = createLog({ level: 'warn', color: false })
    const access = createAccessLog(log, () => ({ write: (text) => void written.push(text) }))
    access.write(line)
    access.flush()
    expect(written).toEqual([])
  })
})

describe('the log', () => {
  it('writes one line of JSON with time and level by name', () => {
    const { log, lines } = logLines()
    log.info({ requestId: 'r1' }, 'a fact')
    expect(lines).toHaveLength(1)
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'info',
      msg: 'a fact',
      requestId: 'r1',
      time: expect.stringMatching(/^\d{4}-.*Z$/),
    })
  })

  it.each([
    ['a property', { password: 'the-secret' }],
    ['a nested property', { body: { client_secret: 'the-secret' } }],
    ['a header', { req: { headers: { authorization: 'Bearer the-secret-value' } } }],
    ['a list', { req: { headers: { 'set-cookie': ['a=the-secret', 'b=the-secret'] } } }],
    ['a property deeper than any path', { a: { b: { c: { d: { refresh_token: 'the-secret' } } } } }],
    ['a property in other letters', { a: { b: { c: { Authorization: 'the-secret' } } } }],
    ['a query string', { url: '/cb?state=1&code=the-secret&iss=x' }],
    ['a form', { sent: 'grant_type=refresh_token&refresh_token=the-secret' }],
    ['an object', { token: { value: 'the-secret' } }],
    ['a value with quotes', { deep: { deep: { deep: { id_token: 'x"the-secret' } } } }],
  ])('hides a secret in %s', (_, fields) => {
    const { log, lines } = logLines()
    log.info(fields, 'something happened')
    expect(lines.join('')).not.toContain('the-secret')
    expect(lines.join('')).toContain('[redacted]')
    expect(() => JSON.parse(lines[0] ?? '')).not.toThrow()
  })

  it('hides a bearer token in a message and in bindings', () => {
    const { log, lines } = logLines()
    log.child({ access_token: 'the-secret' }).info('sent Authorization: Bearer the-secret-value')
    expect(lines.join('')).not.toContain('the-secret')
  })

  it('keeps what only resembles a secret', () => {
    const { log, lines } = logLines()
    log.info({ event: 'token.revoked', reason: 'invalid_code', url: '/oauth2/token?encode=1' })
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      event: 'token.revoked',
      reason: 'invalid_code',
      url: '/oauth2/token?encode=1',
    })
  })

  it('shows an error with its causes, and nothing else that hangs on it', () => {
    const { log, lines } = logLines()
    const cause = Object.assign(new Error('duplicate key'), { detail: 'Key (email)=(ada@example.test)' })
    const error = Object.assign(notFound('account_not_found'), { cause, parameters: ['the-secret'] })
    log.error({ err: error }, 'failed')
    const { err } = JSON.parse(lines[0] ?? '')
    expect(err).toMatchObject({
      type: 'AppError',
      reason: 'account_not_found',
      cause: { message: 'duplicate key' },
    })
    expect(lines.join('')).not.toContain('ada@example.test')
    expect(lines.join('')).not.toContain('the-secret')
  })
})
