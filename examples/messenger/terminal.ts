// The process: `npm run example:messenger-client`. A messenger in a terminal, with a sign-in form of its own.
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { createDoor, SignedOut } from './door.ts'
import { createMessenger } from './messenger.ts'

const { env, stdin, stdout } = process
const issuer = env.FOYER_ISSUER ?? 'http://localhost:3000'
const server = env.MESSENGER ?? 'http://localhost:3103'
const door = createDoor({ issuer, resource: env.MESSENGER_AUDIENCE ?? 'urn:example:messenger' })
const messenger = createMessenger(server, door)

const help = `/register EMAIL [NAME]   /login EMAIL   /me   /logout   /quit
/rooms   /join ROOM      anything else is said in the room`

/** What the next line answers, instead of being a command. */
let question: ((line: string) => Promise<void>) | undefined
let isSecret = false
let room: { name: string; leave: AbortController } | undefined

const output = new Writable({
  write(chunk, _encoding, done) {
    // A password is not echoed
    if (!isSecret) stdout.write(chunk)
    done()
  },
})
const lines = createInterface({ input: stdin, output, terminal: stdin.isTTY === true })

/** Text of others may hold control characters, which would steer this terminal. */
const say = (text: string): void => void stdout.write(`${text.replace(/\p{Cc}/gu, ' ')}\n`)

function ask(prompt: string, then: (line: string) => Promise<void>, { secret = false } = {}): void {
  say(prompt)
  question = then
  isSecret = secret && stdin.isTTY === true
}

async function register([email = '', ...name]: string[]): Promise<void> {
  ask(
    'Choose a password:',
    async (password) => {
      const named = name.length > 0 ? { name: name.join(' ') } : {}
      const registration = await door.register({ email, password, ...named })
      if (registration.done) return greet()
      ask('Type the code that was mailed to you:', async (code) => {
        await door.confirm(registration.flow, code)
        await greet()
      })
    },
    { secret: true },
  )
}

async function login([email = '']: string[]): Promise<void> {
  ask(
    'Password:',
    async (password) => {
      await door.login({ email, password })
      await greet()
    },
    { secret: true },
  )
}

async function greet(): Promise<void> {
  const { name, email } = await door.me()
  say(`Hello, ${name ?? email}. /join ROOM to talk.`)
}

async function join([name = '']: string[]): Promise<void> {
  if (!/^[a-z0-9][a-z0-9-]{0,39}$/.test(name)) return say('A room has a name of a to z, 0 to 9 and hyphens.')
  await door.accessToken()
  room?.leave.abort()
  const leave = new AbortController()
  room = { name, leave }
  say(`You are in ${name}.`)
  messenger
    .listen(name, ({ from, text }) => say(`[${name}] ${from}: ${text}`), leave.signal)
    .catch((error: unknown) => say(wordsOf(error)))
}

async function logout(): Promise<void> {
  room?.leave.abort()
  room = undefined
  await door.logout()
  say('You are signed out.')
}

const commands: Record<string, (args: string[]) => Promise<void>> = {
  '/register': register,
  '/login': login,
  '/me': async () => {
    const { id, email, roles } = await door.me()
    say(`${email}, ${id}${roles.length > 0 ? `, ${roles.join(' and ')}` : ''}`)
  },
  '/rooms': async () => say((await messenger.listRooms()).join(', ') || 'No rooms yet.'),
  '/join': join,
  '/logout': logout,
  '/quit': async () => lines.close(),
}

async function handle(line: string): Promise<void> {
  if (question) {
    const then = question
    question = undefined
    isSecret = false
    return then(line)
  }
  const [word = '', ...args] = line.trim().split(/\s+/)
  if (word === '') return
  const command = Object.hasOwn(commands, word) ? commands[word] : undefined
  if (command) return command(args)
  if (word.startsWith('/')) return void stdout.write(`${help}\n`)
  if (!room) return say('/join a room first.')
  await messenger.say(room.name, line)
}

const wordsOf = (error: unknown): string => {
  if (error instanceof SignedOut) return `${error.message} /login to go on.`
  const isAway = error instanceof TypeError || (error instanceof Error && error.name === 'TimeoutError')
  return isAway
    ? 'There is no answer. Try again soon.'
    : String(error instanceof Error ? error.message : error)
}

stdout.write(`${help}\n`)
// One line after the other: what is pasted is said in order
for await (const line of lines) await handle(line).catch((error: unknown) => say(wordsOf(error)))
room?.leave.abort()
