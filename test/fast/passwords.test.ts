import * as nodeRs from '@node-rs/argon2'
import * as reference from 'argon2'
import { describe, expect, it } from 'vitest'
import { createPasswords, type Engine, type GateEvent } from '../../src/platform/passwords.ts'

const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }
const password = 'analytical-engine-1843'
const passwords = createPasswords()

describe('passwords', () => {
  it('hashes with the named parameters and verifies only the same password', async () => {
    const hash = await passwords.hash(password)
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
    expect(await passwords.verify(hash, password)).toEqual({ ok: true, rehash: false })
    expect(await passwords.verify(hash, `${password} `)).toEqual({ ok: false, rehash: false })
    expect(await passwords.hash(password)).not.toBe(hash)
  })

  it('makes hashes that the reference implementation verifies, and the other way round', async () => {
    expect(await reference.verify(await passwords.hash(password), password)).toBe(true)
    const theirs = await reference.hash(password, { ...parameters, type: reference.argon2id })
    expect(await passwords.verify(theirs, password)).toEqual({ ok: true, rehash: false })
    expect(await passwords.verify(theirs, 'wrong')).toEqual({ ok: false, rehash: false })
    expect(await nodeRs.verify(theirs, password)).toBe(true)
  })

  it.each([
    ['argon2i', reference.argon2i],
    ['argon2d', reference.argon2d],
  ] as const)('verifies an imported %s hash and asks to replace it', async (_, type) => {
    const hash = await reference.hash(password, { ...parameters, type })
    expect(await passwords.verify(hash, password)).toEqual({ ok: true, rehash: true })
    expect(await passwords.verify(hash, 'wrong')).toEqual({ ok: false, rehash: false })
  })

  it.each([
    ['fewer passes', { ...parameters, timeCost: 1 }],
    ['less memory', { ...parameters, memoryCost: 8192 }],
    ['more lanes', { ...parameters, parallelism: 2 }],
    ['a shorter digest', { ...parameters, outputLen: 16 }],
  ])('asks to replace a hash of %s', async (_, options) => {
    const hash = await nodeRs.hash(password, options)
    expect(await passwords.verify(hash, password)).toEqual({ ok: true, rehash: true })
  })

  it.each([
    ['nobody', null],
    ['an empty text', ''],
    ['bcrypt', '$2b$10$abcdefghijklmnopqrstuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu'],
    ['a hash cut short', '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21l'],
    ['no base64', '$argon2id$v=19$m=19456,t=2,p=1$!!!!!!!!!!!!$!!!!!!!!!!!!!!!!!!!!'],
    ['a salt of an impossible length', '$argon2id$v=19$m=19456,t=2,p=1$aaaaaaaaaaaaa$aaaaaaaaaaaaaaaaa'],
    [
      'four terabytes of memory',
      '$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHRzb21l$aGFzaGhhc2hoYXNoaGFzaA',
    ],
    ['a billion passes', '$argon2i$v=19$m=19456,t=1000000000,p=1$c29tZXNhbHRzb21l$aGFzaGhhc2hoYXNoaGFzaA'],
    ['no memory', '$argon2id$v=19$m=0,t=2,p=1$c29tZXNhbHRzb21l$aGFzaGhhc2hoYXNoaGFzaA'],
    ['no pass', '$argon2d$v=19$m=64,t=0,p=1$c29tZXNhbHRzb21l$aGFzaGhhc2hoYXNoaGFzaA'],
  ])('answers no, and does not throw, for the stored hash of %s', async (_, stored) => {
    expect(await passwords.verify(stored, password)).toEqual({ ok: false, rehash: false })
  })

  it.each([
    ['composed and decomposed letters', 'Ångström-unit-1868', 'A\u030angstro\u0308m-unit-1868'],
    ['the Ångström sign', '\u212bngstrom-unit', '\u00c5ngstrom-unit'],
  ])('takes %s for the same', async (_, typed, stored) => {
    expect((await passwords.verify(await passwords.hash(stored), typed)).ok).toBe(true)
  })

  it('does not fold what only looks alike', async () => {
    expect((await passwords.verify(await passwords.hash('ﬁnger-print-42'), 'finger-print-42')).ok).toBe(false)
  })

  it('takes 256 characters and tells the last one apart', async () => {
    const hash = await passwords.hash('🦉'.repeat(256))
    expect((await passwords.verify(hash, '🦉'.repeat(256))).ok).toBe(true)
    expect((await passwords.verify(hash, `${'🦉'.repeat(255)}a`)).ok).toBe(false)
    expect((await passwords.verify(hash, '🦉'.repeat(257))).ok).toBe(false)
  })

  it.each([
    ['257 characters', 'a'.repeat(257)],
    ['a lone surrogate', 'engine-\ud800-1843'],
    ['nothing', ''],
  ])('refuses to hash %s and matches it with nothing', async (_, text) => {
    await expect(passwords.hash(text)).rejects.toMatchObject({ kind: 'invalid' })
    expect((await passwords.verify(await passwords.hash('engine-\ufffd-1843'), text)).ok).toBe(false)
  })

  it('falls back on the reference implementation where the other has no binary', async () => {
    const fallen = createPasswords({
      loadEngine: () => Promise.reject(new Error('no binary for this machine')),
    })
    const hash = await fallen.hash(password)
    expect(await fallen.verify(hash, password)).toEqual({ ok: true, rehash: false })
    expect(await nodeRs.verify(hash, password)).toBe(true)
  })
})

/** An engine whose hashes end when the test says so. */
function createSlowEngine() {
  const running: (() => void)[] = []
  const begun: string[] = []
  let most = 0
  const work = (text: string) =>
    new Promise<void>((resolve) => {
      begun.push(text)
      running.push(resolve)
      most = Math.max(most, running.length)
    })
  const engine: Engine = {
    hash: async (text) => {
      await work(text.toString())
      return 'hash'
    },
    verify: async (_, text) => {
      await work(text.toString())
      return false
    },
  }
  const settle = () => new Promise((resolve) => setImmediate(resolve))
  async function finishOne() {
    running.shift()?.()
    await settle()
  }
  return { engine, begun, finishOne, settle, most: () => most, running }
}

describe('the gate before the hashes', () => {
  it('admits as many as there are permits, the others in their order', async () => {
    const slow = createSlowEngine()
    const gated = createPasswords({ permits: 2, loadEngine: async () => slow.engine })
    const names = ['first', 'second', 'third', 'fourth', 'fifth']
    const all = Promise.all(names.map((name) => gated.hash(name)))
    await slow.settle()
    expect(slow.begun).toEqual(['first', 'second'])

    while (slow.running.length > 0) await slow.finishOne()
    await all
    expect(slow.begun).toEqual(names)
    expect(slow.most()).toBe(2)
  })

  it('lets in as many more as the engine keeps at hand', async () => {
    const slow = createSlowEngine()
    const gated = createPasswords({ permits: 1, loadEngine: async () => ({ ...slow.engine, ahead: 1 }) })
    const all = Promise.all(['first', 'second', 'third'].map((name) => gated.hash(name)))
    await slow.settle()
    expect(slow.begun).toEqual(['first', 'second'])
    await slow.finishOne()
    expect(slow.begun).toEqual(['first', 'second', 'third'])
    while (slow.running.length > 0) await slow.finishOne()
    await all
  })

  it('refuses at once when 64 are waiting, and serves those who wait', async () => {
    const slow = createSlowEngine()
    const events: GateEvent[] = []
    const gated = createPasswords({
      permits: 1,
      loadEngine: async () => slow.engine,
      observe: (event) => events.push(event),
    })
    const admitted = Array.from({ length: 65 }, (_, index) => gated.verify(null, `guess ${index}`))
    await expect(gated.hash('one too many')).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'busy',
      details: { retryAfterSeconds: 1 },
    })
    expect(events).toMatchObject([{ outcome: 'refused', waiting: 64, waitedMs: 0 }])
    // Whoever asks before doing anything else for it hears the same
    expect(() => gated.assertRoom()).toThrow(expect.objectContaining({ kind: 'unavailable', code: 'busy' }))

    await slow.settle()
    while (slow.running.length > 0) await slow.finishOne()
    expect((await Promise.all(admitted)).length).toBe(65)
    gated.assertRoom()
  })

  it('refuses whoever has waited two seconds, tells that it was slow, and goes on afterwards', async () => {
    const slow = createSlowEngine()
    const events: GateEvent[] = []
    const gated = createPasswords({
      permits: 1,
      loadEngine: async () => slow.engine,
      observe: (event) => events.push(event),
    })
    const first = gated.hash('first')
    await expect(gated.hash('second')).rejects.toMatchObject({ code: 'busy' })
    expect(events).toMatchObject([{ outcome: 'refused', slow: true }])

    await slow.finishOne()
    await first
    const third = gated.hash('third')
    await slow.settle()
    await slow.finishOne()
    await third
    expect(slow.begun).toEqual(['first', 'third'])
  })

  it('frees its permit when a hash fails', async () => {
    const gated = createPasswords({
      permits: 1,
      loadEngine: async () => ({
        hash: () => Promise.reject(new Error('out of memory')),
        verify: async () => false,
      }),
    })
    await expect(gated.hash('first')).rejects.toThrow('out of memory')
    expect(await gated.verify(null, 'second')).toEqual({ ok: false, rehash: false })
  })
})
