// The OpenAPI document of the management API, and the page made from it.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { createManagement } from '../support/management.ts'
import { expectDescribed } from '../support/openapi.ts'

let app: TestApp
beforeAll(async () => {
  app = await startApp()
})
afterAll(() => app.close())

type Operation = {
  operationId: string
  security: { foyer: string[] }[]
  parameters?: { name?: string; in?: string }[]
  responses: Record<string, unknown>
}
type Document = {
  openapi: string
  info: { version: string }
  servers: { url: string }[]
  paths: Record<string, Record<string, Operation>>
}

describe('the OpenAPI document', () => {
  it('is open to everybody, and the committed one', async () => {
    const response = await fetch(`${app.issuer}/api/v1/openapi.json`)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toContain('application/json')
    expect(response.headers.get('cache-control')).toBe('public, max-age=300')
    const served = (await response.json()) as Document
    expect(served).toEqual(JSON.parse(readFileSync('docs/openapi.json', 'utf8')))
    expect(served.openapi).toBe('3.1.1')
    expect(served.servers).toEqual([{ url: '/api/v1' }])
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
    expect(served.info.version).toBe(version)
  })

  it('names for each operation an id of its own, a scope, and every hole of its path', async () => {
    const { paths } = (await (await fetch(`${app.issuer}/api/v1/openapi.json`)).json()) as Document
    const operations = Object.entries(paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => ({ path, method, ...operation })),
    )
    expect(operations.length).toBeGreaterThanOrEqual(28)
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length)
    for (const { path, security, parameters = [], responses } of operations) {
      expect(security[0]?.foyer).toHaveLength(1)
      const holes = [...path.matchAll(/\{([a-z_]+)\}/g)].map(([, name]) => name)
      expect(parameters.filter((one) => one.in === 'path').map(({ name }) => name)).toEqual(holes)
      expect(Object.keys(responses)).toEqual(expect.arrayContaining(['401', '403', '429', '4XX', '5XX']))
    }
  })

  it('describes every route that is there: each asks strangers for a token', async () => {
    const { paths } = (await (await fetch(`${app.issuer}/api/v1/openapi.json`)).json()) as Document
    const api = createManagement(app.issuer)
    for (const [path, item] of Object.entries(paths)) {
      for (const method of Object.keys(item)) {
        const { status } = await api.ask(method.toUpperCase(), path.replaceAll(/[{}]/g, ''))
        expect([method, path, status]).toEqual([method, path, 401])
      }
    }
  })
})

describe('the check of answers', () => {
  const json = new Headers({ 'content-type': 'application/json' })
  const refused = (path: string, status: number, text: string) => () =>
    expectDescribed({ method: 'GET', path }, { status, headers: json, text })

  it('finds what is not in the document', () => {
    expect(refused('/users', 200, '{"data":[],"next_cursor":null}')).not.toThrow()
    expect(refused('/users', 200, '{"data":[]}')).toThrow("'next_cursor'")
    expect(refused('/users', 200, '{"data":[],"next_cursor":null,"more":1}')).toThrow()
    expect(refused('/users', 201, '{"data":[],"next_cursor":null}')).toThrow('not declared')
    expect(refused('/users', 400, '{}')).toThrow()
  })
})

describe('/api/docs', () => {
  it('shows every operation without a script, in the policy of pages', async () => {
    const response = await fetch(`${app.issuer}/api/docs`)
    const html = await response.text()
    expect(response.status).toBe(200)
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'")
    const { paths } = JSON.parse(readFileSync('docs/openapi.json', 'utf8')) as Document
    for (const [path, item] of Object.entries(paths)) {
      for (const method of Object.keys(item))
        expect(html).toContain(`<code>${method.toUpperCase()} ${path}</code>`)
    }
    // No address of somebody else's but the issuer's own is loaded
    const loaded = [...html.matchAll(/(?:src|<link[^>]*href)="([^"]+)"/g)].map(([, url]) => url)
    expect(loaded.every((url) => url?.startsWith('/'))).toBe(true)
  })
})
