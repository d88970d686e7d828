// Owns the terminal client's conversation with the messenger: what is sent, one after the other, and what is heard.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Door, SignedOut } from './door.ts'
import { readEvents } from './events.ts'
import type { Message } from './rooms.ts'

export type Messenger = ReturnType<typeof createMessenger>

const pauseMs = 300
/** Long: whether a message without an answer was said, nobody knows. */
const answerMs = 30_000
const triesWhileAway = 20

export function createMessenger(server: string, door: Pick<Door, 'accessToken'>) {
  async function ask(path: string, options: RequestInit = {}): Promise<Response> {
    const headers = { ...options.headers, authorization: `Bearer ${await door.accessToken()}` }
    return fetch(server + path, { ...options, headers })
  }

  const post = (room: string, text: string): Promise<Response> =>
    ask(`/rooms/${room}/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ text }),
      signal: AbortSignal.timeout(answerMs),
    })

  async function say(room: string, text: string): Promise<void> {
    let response = await post(room, text)
    // Nothing was said yet: the messenger could not ask Foyer about the token
    for (let left = triesWhileAway; response.status === 503 && left > 0; left -= 1) {
      await response.arrayBuffer()
      await sleep(Number(response.headers.get('retry-after') ?? 1) * 1000)
      response = await post(room, text)
    }
    const answered = Object(await response.json())
    if (!response.ok) throw new Error(answered.detail ?? `The messenger answered ${response.status}.`)
  }

  const listRooms = async (): Promise<string[]> => Object(await (await ask('/rooms')).json()).data ?? []

  /**
   * Hears a room until told to stop or signed out. A stream that ends is opened again where it ended, with a token
   * that is good by then.
   */
  async function listen(room: string, hear: (message: Message) => void, signal: AbortSignal): Promise<void> {
    let lastId = 0
    while (!signal.aborted) {
      try {
        const response = await ask(`/rooms/${room}/stream`, {
          headers: { 'last-event-id': String(lastId) },
          signal,
        })
        if (response.status === 401) throw new SignedOut('The messenger does not know this sign-in any more.')
        if (response.ok && response.body) {
          for await (const data of readEvents(response.body)) {
            const message = JSON.parse(data) as Message
            lastId = message.id
            hear(message)
          }
        }
      } catch (error) {
        if (signal.aborted) return
        if (error instanceof SignedOut) throw error
      }
      await sleep(pauseMs)
    }
  }

  return { say, listRooms, listen }
}
