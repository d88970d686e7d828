// What is said of a password that somebody chooses: the list of common ones, leaks, and its strength.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLeakedPasswords } from '../../src/features/accounts/password-leaks.ts'
import { createCommonPasswords, foldPassword, hasLine } from '../../src/features/accounts/password-list.ts'
import {
  createPasswordCheck,
  createPasswordPolicy,
  createStrength,
} from '../../src/features/accounts/password-policy.ts'
import { projectFolder } from '../../src/kernel/places.ts'
import { createOutbound } from '../../src/platform/outbound.ts'

const file = join(projectFolder('wordlists'), 'common-passwords.br')
const isCommon = createCommonPasswords(file)
const person = { email: 'ada@example.test' }

describe('the list of common passwords', () => {
  const lines = brotliDecompressSync(readFileSync(file))
  const words = lines.toString().trimEnd().split('\n')

  it('has 100,000 that are long enough for the policy, each once and folded', () => {
    expect(words.filter((word) => word.length >= 8).length).toBeGreaterThanOrEqual(100_000)
    expect(new Set(words).size).toBe(words.length)
    expect(words.filter((word) => word !== foldPassword(word))).toEqual([])
  })

  it('finds each of its words, and none beside them', () => {
    expect(words.filter((word) => !hasLine(lines, word))).toEqual([])
    const known = new Set(words)
    const near = words
      .filter((_, at) => at % 100 === 0)
      .flatMap((word) => [word.slice(0, -1), `${word}0`, `${word}~`, word.slice(1)])
    expect(near.filter((word) => hasLine(lines, word) !== known.has(word))).toEqual([])
  })

  it('finds a line in any text of ordered lines', () => {
    const texts = fc.uniqueArray(fc.stringMatching(/^[a-c]{1,4}$/), { maxLength: 20 })
    const text = (list: string[]) => Buffer.from(list.map((line) => `${line}\n`).join(''))
    fc.assert(
      fc.property(texts, fc.stringMatching(/^[a-c]{0,5}$/), (list, word) => {
        expect(hasLine(text(list.sort()), word)).toBe(list.includes(word))
      }),
    )
  })

  it('refuses the 3,000 commonest of another list that are long enough, whatever their case', () => {
    const others: string[] = createRequire(import.meta.url)('@zxcvbn-ts/language-common/src/passwords.json')
    const policy = createPasswordPolicy({ minLength: 8, isCommon })
    const accepted = others
      .filter((word) => word.length >= 8)
      .slice(0, 3000)
      .flatMap((word) => [word, word.toUpperCase()])
      .filter((word) => policy(word, person).length === 0)
    expect(accepted).toEqual([])
  })

  it.each([
    ['itself', 'password'],
    ['repeated', 'passwordpassword'],
    ['with a year behind it', 'password2026'],
    ['with digits and signs around it', '!!password-1234567'],
    ['in other letters', 'p@55w0rd'],
    ['a keyboard walk and a number', 'qwertyuiop123456'],
    ['one digit again and again', '1111111111111111'],
    ['digits in a row', '1234567890'],
  ])('knows a common password %s', (_, folded) => {
    expect(isCommon(folded)).toBe(true)
  })

  it.each([
    'analytical-engine-1843',
    'nanoseconds-per-foot-11',
    'a-password-of-their-own',
    'correct-horse-battery-1',
    'monkey-and-dragon-play-chess',
    'пароль-для-аналитической-машины',
    'password\ndragon',
    '',
  ])('lets %j be', (folded) => {
    expect(isCommon(folded)).toBe(false)
  })
})

describe('the strength of a password', () => {
  const strengthOf = createStrength({ minLength: 8, isCommon })
  it.each([
    ['seven77', 'too_short'],
    ['password', 'weak'],
    ['aaaaaaaaaaaaaaaaaaaa', 'weak'],
    ['abcdefghijklmnop', 'weak'],
    ['98765432109876543210', 'weak'],
    ['xk3vxk3vxk3vxk3v', 'weak'],
    ['gravel-moth', 'fair'],
    ['Tk3!vq9Zx', 'weak'],
    ['analytical-engine-1843', 'strong'],
    ['машина-разностей-1822', 'strong'],
  ])('%s is %s', (password, strength) => {
    expect(strengthOf(password)).toBe(strength)
  })

  it('that is longer than any may be is told by its beginning, so that nobody waits for it', () => {
    const looked: number[] = []
    const strength = createStrength({ minLength: 8, isCommon: (folded) => looked.push(folded.length) < 0 })
    expect(strength(`${'ca'.repeat(28_000)}b`)).toBe('weak')
    expect(looked).toEqual([256])
  })
})

describe('the question whether a password was leaked', () => {
  const leaked = 'known-from-a-breach'
  const digest = createHash('sha1').update(leaked).digest('hex').toUpperCase()
  let server: Server
  let answer: (response: import('node:http').ServerResponse) => void
  const asked: string[] = []
  const warned: unknown[] = []
  beforeAll(async () => {
    server = createServer((request, response) => {
      asked.push(request.url ?? '')
      answer(response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  const isLeaked = (password: string) => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/range/`
    const ask = createOutbound({ testHooks: true, timeoutMs: 300 })
    return createLeakedPasswords({ url, ask, log: { warn: (...said: unknown[]) => warned.push(said) } })(
      password,
    )
  }

  it('sends five digits of its hash and nothing more', async () => {
    answer = (response) => response.end(`0018A45C4D1DEF81644B54AB7F969B88D65:1\r\n${digest.slice(5)}:3\r\n`)
    expect(await isLeaked(leaked)).toBe(true)
    expect(asked.splice(0)).toEqual([`/range/${digest.slice(0, 5)}`])
    expect(await isLeaked('nobody-has-this-one')).toBe(false)
  })

  it('does not take padding for a find', async () => {
    answer = (response) => response.end(`${digest.slice(5)}:0\r\n`)
    expect(await isLeaked(leaked)).toBe(false)
  })

  it.each([
    ['an error', (response) => response.writeHead(503).end()],
    ['no answer', () => undefined],
    ['too long an answer', (response) => response.end('x'.repeat(300 * 1024))],
    ['a redirect', (response) => response.writeHead(302, { location: '/elsewhere' }).end()],
    ['a cut connection', (response) => response.destroy()],
  ] as [string, typeof answer][])('refuses nobody and says so in the log for %s', async (_, behave) => {
    answer = behave
    warned.length = 0
    expect(await isLeaked(leaked)).toBe(false)
    expect(warned).toHaveLength(1)
  })

  it('is asked of what the policy accepts only, and refuses by a code of its own', async () => {
    const questions: string[] = []
    const check = createPasswordCheck({
      policy: createPasswordPolicy({ minLength: 8, isCommon }),
      isLeaked: async (password) => {
        questions.push(password)
        return password === leaked
      },
    })
    expect(await check('short', person)).toMatchObject([{ code: 'password_too_short' }])
    expect(await check(leaked, person)).toMatchObject([{ pointer: '/password', code: 'password_leaked' }])
    expect(await check('nobody-has-this-one', person)).toEqual([])
    expect(questions).toEqual([leaked, 'nobody-has-this-one'])
  })
})
