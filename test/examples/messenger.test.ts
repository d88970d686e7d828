// The messenger and its terminal client as processes, beside the real product. Access tokens live so short that the
// clients renew them for every line they say.
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createDoor } from '../support/door.ts'
import { type Example, launchExample, startExample } from '../support/examples.ts'
import { createManagement } from '../support/management.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { type Product, startProduct } from '../support/process.ts'
import { ada, demoMachine, grace } from '../support/rp.ts'

const resource = 'urn:example:messenger'

let database: TestDatabase
let foyer: Product
let server: Example
const terminals: Example[] = []

const startFoyer = (port?: number) =>
  startProduct({
    databaseUrl: database.url,
    env: { FOYER_ACCESS_TOKEN_TTL: '30' },
    ...(port !== undefined && { port }),
  })

beforeAll(async () => {
  database = await createTestDatabase()
  foyer = await startFoyer()
  server = await startExample('messenger', { issuer: foyer.issuer })
})
afterEach(async () => {
  await Promise.all(terminals.splice(0).map((terminal) => terminal.stop()))
})
afterAll(async () => {
  await server?.stop()
  await foyer?.stop()
  await database?.drop()
})

type Terminal = {
  type(...lines: string[]): void
  reads(words: string | RegExp): Promise<void>
  output(): string
}

async function openTerminal(): Promise<Terminal> {
  const terminal = await launchExample('messenger-client', {
    issuer: foyer.issuer,
    env: { MESSENGER: server.origin },
  })
  terminals.push(terminal)
  const { output, child } = terminal
  return {
    output,
    type: (...lines) => void child.stdin.write(lines.map((line) => `${line}\n`).join('')),
    reads: (words) => expect.poll(output, { timeout: 40_000 }).toMatch(words),
  }
}

async function signedIn({ email, password }: typeof ada, greeting: string): Promise<Terminal> {
  const terminal = await openTerminal()
  terminal.type(`/login ${email}`)
  await terminal.reads('Password:')
  terminal.type(password)
  await terminal.reads(`Hello, ${greeting}`)
  return terminal
}

async function enter(terminal: Terminal, room: string): Promise<void> {
  terminal.type(`/join ${room}`)
  await terminal.reads(`You are in ${room}`)
}

const tokenOf = async (person: typeof ada) => createDoor(foyer.issuer).signIn({ ...person, resource })

const ask = (path: string, token?: string, options: RequestInit = {}) =>
  fetch(server.origin + path, {
    ...options,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(20_000),
  })
const post = (token: string | undefined, body: BodyInit, room = 'hall') =>
  ask(`/rooms/${room}/messages`, token, { method: 'POST', body })

describe('the terminal client', () => {
  it('registers somebody, and carries what is said both ways and to who comes later', async () => {
    const one = await openTerminal()
    one.type('/register mary@example.test Mary Somerville')
    await one.reads('Choose a password:')
    one.type('connexion-of-the-sciences')
    await one.reads('Hello, Mary Somerville')
    one.type('/me')
    await one.reads('mary@example.test, ')

    const other = await signedIn(ada, 'Ada King Lovelace')
    await enter(one, 'sciences')
    await enter(other, 'sciences')
    one.type('Good morning')
    await other.reads('[sciences] Mary Somerville: Good morning')
    other.type('And to you')
    await one.reads(/\[sciences\] Ada King Lovelace: And to you/)

    const late = await signedIn(grace, 'Grace Hopper')
    await enter(late, 'sciences')
    await late.reads(/Good morning[\s\S]*And to you/)
    late.type('/rooms')
    await late.reads(/^.*sciences/m)
  })

  it('says what is pasted in order, though each line needs a new token', async () => {
    const terminal = await signedIn(ada, 'Ada')
    await enter(terminal, 'paste')
    terminal.type('one', 'two', 'three', 'four', 'five')
    await terminal.reads(/: one\n.*: two\n.*: three\n.*: four\n.*: five\n/)
    expect(terminal.output().match(/: three/g)).toHaveLength(1)
  })

  it('signs out, and says so to who goes on typing', async () => {
    const terminal = await signedIn(ada, 'Ada')
    await enter(terminal, 'leaving')
    terminal.type('/logout')
    await terminal.reads('You are signed out')
    terminal.type('/join leaving')
    await terminal.reads('You are not signed in')
  })

  it('notices that its session was ended elsewhere', async () => {
    const terminal = await signedIn(grace, 'Grace')
    await enter(terminal, 'elsewhere')
    const door = createDoor(foyer.issuer)
    const { access_token } = await door.signIn(grace)
    await door.ask('DELETE', '/auth/sessions', { as: access_token })
    await terminal.reads(/does not know this sign-in any more|has ended this sign-in/)
  })

  it('says in Foyer’s words why nobody was signed in', async () => {
    const terminal = await openTerminal()
    terminal.type('/login ada@example.test')
    await terminal.reads('Password:')
    terminal.type('not-that-one')
    await terminal.reads('The email address or the password is wrong.')
    terminal.type('/register ada@example.test')
    await terminal.reads('Choose a password:')
    terminal.type('short')
    await terminal.reads('Use at least 8 characters')
  })

  it('waits for Foyer, and says then what was typed in the meantime', async () => {
    const terminal = await signedIn(ada, 'Ada')
    await enter(terminal, 'patience')
    const { port } = foyer
    await foyer.stop()
    terminal.type('Is anybody there?')
    foyer = await startFoyer(port)
    await terminal.reads(/\[patience\] Ada King Lovelace: Is anybody there\?/)
  })

  it('shows nobody’s control characters to the terminal', async () => {
    const terminal = await signedIn(ada, 'Ada')
    await enter(terminal, 'control')
    const { access_token } = await tokenOf(grace)
    await post(access_token, JSON.stringify({ text: 'a\u001b[2Jb' }), 'control')
    await terminal.reads(/: a \[2Jb/)
  })
})

describe('the messenger', () => {
  it('says so when its port is taken', async () => {
    const port = Number(new URL(server.origin).port)
    const second = await launchExample('messenger', { issuer: foyer.issuer, port })
    terminals.push(second)
    await expect.poll(() => second.child.exitCode).toBe(1)
    expect(second.output()).toBe(`Port ${port} is taken: set PORT to another.\n`)
  })

  it('ends with a sign-out: the stream that is open, and the token that has not expired', async () => {
    const { access_token: token } = await tokenOf(ada)
    expect((await post(token, JSON.stringify({ text: 'Hello' }))).status).toBe(201)
    const stream = await ask('/rooms/hall/stream', token)
    const whole = stream.text()

    const started = performance.now()
    await createDoor(foyer.issuer).ask('POST', '/auth/logout', { as: token })
    expect(await whole).toContain('"text":"Hello"')
    // Less than what is left of the token
    expect(performance.now() - started).toBeLessThan(15_000)
    expect((await post(token, JSON.stringify({ text: 'Still me' }))).status).toBe(401)
  })

  it('survives a stream that has ended and that nobody reads', async () => {
    const { access_token: staying } = await tokenOf(grace)
    const { access_token: leaving } = await tokenOf(ada)
    const { host, hostname, port } = new URL(server.origin)
    const socket = connect(Number(port), hostname)
    onTestFinished(() => void socket.destroy())
    // Two at once on one connection: what the second is told waits until the first is over
    for (const token of [staying, leaving]) {
      const lines = ['GET /rooms/unread/stream HTTP/1.1', `Host: ${host}`, `Authorization: Bearer ${token}`]
      socket.write(`${lines.join('\r\n')}\r\n\r\n`)
    }
    // Both are streams by then, which nobody can see from here
    await sleep(2_000)
    await createDoor(foyer.issuer).ask('POST', '/auth/logout', { as: leaving })
    // Longer than it takes the messenger to notice, and shorter than the first lasts
    for (let second = 0; second < 8; second += 1) {
      await sleep(1_000)
      expect((await post(staying, '{"text":"Is it over?"}', 'unread')).status).toBe(201)
    }
  })

  it('lets go of a listener who does not read, and holds no more for them than a buffer', async () => {
    const { access_token: token } = await tokenOf(ada)
    const { host, hostname, port } = new URL(server.origin)
    const socket = connect(Number(port), hostname)
    onTestFinished(() => void socket.destroy())
    const lines = ['GET /rooms/deaf/stream HTTP/1.1', `Host: ${host}`, `Authorization: Bearer ${token}`]
    socket.write(`${lines.join('\r\n')}\r\n\r\n`)
    await sleep(500)
    const { access_token: speaking } = await tokenOf(grace)
    // More than the kernel holds for both ends of a connection
    const text = '語'.repeat(2_000)
    for (let sent = 0; sent < 2_000; sent += 50) {
      const posts = Array.from({ length: 50 }, () => post(speaking, JSON.stringify({ text }), 'deaf'))
      for (const { status } of await Promise.all(posts)) expect(status).toBe(201)
    }
    let last = ''
    socket.on('data', (chunk) => {
      last = (last + chunk.toString('latin1')).slice(-20_000)
    })
    await once(socket, 'close')
    expect(last).not.toMatch(/\nid: 2000\n/)
  })

  it('goes on where a listener was', async () => {
    const { access_token: token } = await tokenOf(ada)
    for (const text of ['first', 'second', 'third']) await post(token, JSON.stringify({ text }), 'again')
    const abort = new AbortController()
    const response = await fetch(`${server.origin}/rooms/again/stream`, {
      headers: { authorization: `Bearer ${token}`, 'last-event-id': '2' },
      signal: abort.signal,
    })
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    let heard = ''
    while (!heard.includes('third')) heard += (await reader?.read())?.value ?? ''
    abort.abort()
    expect(heard).not.toContain('second')
  })

  it('refuses tokens that are not for it, and none at all', async () => {
    const { access_token: ofAnotherApi } = await createDoor(foyer.issuer).signIn(ada)
    const { access_token: token } = await tokenOf(ada)
    const [header, payload, signature = ''] = token.split('.')
    const changed = `${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
    for (const bad of [undefined, ofAnotherApi, changed, 'x', '..', 'é']) {
      const response = await post(bad, '{}')
      expect(response.status, bad).toBe(401)
      expect(response.headers.get('www-authenticate')).toMatch(/^Bearer/)
    }
  })

  it('refuses a token for it that was not granted its scope', async () => {
    const token = await createManagement(foyer.issuer).machineToken(undefined, demoMachine, resource)
    const response = await post(token, '{"text":"Hello"}')
    expect(response.status).toBe(403)
    expect(response.headers.get('www-authenticate')).toBe(
      'Bearer error="insufficient_scope", scope="messages"',
    )
    expect((await ask('/rooms/hall/stream', token)).status).toBe(403)
  })

  it('answers ill-formed input with what is wrong', async () => {
    const { access_token: token } = await tokenOf(ada)
    const bodies = [
      '',
      '{',
      '[]',
      'null',
      '"x"',
      '{"text":5}',
      '{"text":" "}',
      `{"text":"${'x'.repeat(2_001)}"}`,
    ]
    for (const body of [...bodies, 'x'.repeat(20_000)]) {
      expect((await post(token, body)).status, body.slice(0, 20)).toBe(400)
    }
    expect((await post(token, '{"text":"x"}', 'No%20Room')).status).toBe(400)
    expect((await ask('/rooms/hall/messages', token)).status).toBe(405)
    expect((await ask('/nowhere', token)).status).toBe(404)
  })
})
