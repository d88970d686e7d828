// What a client ID metadata document is, by itself: its address, what it says, and how long it is good.
import { describe, expect, it } from 'vitest'
import { freshMsOf, isDocumentAddress, readDocument } from '../../src/features/clients/document.ts'

const id = 'https://agent.example/client.json'
const outside = { testHooks: false }
const documentOf = (changes: Record<string, unknown>) =>
  JSON.stringify({ client_id: id, redirect_uris: ['https://agent.example/callback'], ...changes })

describe('the address of a document', () => {
  it.each<[string, boolean]>([
    [id, true],
    ['https://agent.example/', true],
    ['https://agent.example:8443/client', true],
    ['https://agent.example', false],
    ['http://agent.example/client', false],
    ['https://localhost/client', false],
    ['https://127.0.0.1/client', false],
    ['https://[::1]/client', false],
    ['https://user:secret@agent.example/', false],
    ['https://agent.example/#', false],
    ['https://agent.example/./client', false],
    ['https://agent.example/a b', false],
    ['https://agent.example\\client', false],
    [' https://agent.example/', false],
    ['HTTPS://agent.example/', false],
    ['demo-web', false],
  ])('%s: %s', (text, is) => {
    expect(isDocumentAddress(text, { clientDocuments: 'open', ...outside })).toBe(is)
    expect(isDocumentAddress(text, { clientDocuments: 'closed', ...outside })).toBe(false)
  })

  it('is at a host that is named, as it is named', () => {
    const rules = { clientDocuments: ['agent.example'], ...outside }
    expect(isDocumentAddress(id, rules)).toBe(true)
    for (const other of [
      'https://agent.example:8443/',
      'https://sub.agent.example/',
      'https://agent.example.evil/',
    ])
      expect(isDocumentAddress(other, rules)).toBe(false)
  })
})

describe('a document', () => {
  it.each<[string, Record<string, unknown>]>([
    ['jwks_uri', { token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'https://127.0.0.1/keys' }],
    ['backchannel_logout_uri', { backchannel_logout_uri: 'https://localhost/logout' }],
  ])('names no %s on this machine, but for a test bench', (_, changes) => {
    expect(() => readDocument(id, documentOf(changes), outside)).toThrow('invalid_input')
    expect(() => readDocument(id, documentOf(changes), { testHooks: true })).not.toThrow()
  })

  it.each<[string, string[], string]>([
    ['web', ['https://agent.example/callback'], 'web'],
    ['on loopback', ['http://127.0.0.1/callback'], 'native'],
    ['with a scheme of its own', ['com.agent.app:/callback'], 'native'],
    ['on loopback and the web', ['http://localhost/callback', 'https://agent.example/callback'], 'native'],
  ])('of an app %s is one of that kind', (_, redirect_uris, application_type) => {
    expect(readDocument(id, documentOf({ redirect_uris }), outside)).toMatchObject({ application_type })
  })

  it('names the site of its own origin alone', () => {
    const of = (client_uri: string) => readDocument(id, documentOf({ client_uri }), outside).client_uri
    expect(of('https://agent.example/about')).toBe('https://agent.example/about')
    expect(of('https://bank.example/')).toBeUndefined()
  })
})

describe('what its server says of caches', () => {
  it.each<[string | undefined, number]>([
    [undefined, 300],
    ['max-age=1', 300],
    ['public, max-age=3600', 3_600],
    ['max-age="7200"', 7_200],
    ['max-age=999999999', 86_400],
    ['s-maxage=3600', 300],
    ['no-store, max-age=3600', 300],
    ['no-cache', 300],
    ['max-age=-1', 300],
    ['max-age=x', 300],
  ])('%s: %s seconds', (said, seconds) => {
    expect(freshMsOf({ 'cache-control': said })).toBe(seconds * 1000)
  })
})
