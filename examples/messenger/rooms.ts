// Owns rooms and what is said in them, in memory: the last hundred messages of each, and who listens.
import type { Person } from './access-tokens.ts'

export type Message = { id: number; from: string; text: string; at: string }
export type Listener = (message: Message) => void
export type Rooms = ReturnType<typeof createRooms>

type Room = { messages: Message[]; listeners: Set<Listener>; last: number }

const mostRooms = 1_000
const mostMessages = 100

export const isRoomName = (text: string): boolean => /^[a-z0-9][a-z0-9-]{0,39}$/.test(text)

export function createRooms() {
  const rooms = new Map<string, Room>()

  /** A room is there as soon as somebody enters it; nothing when there are too many already. */
  function open(name: string): Room | undefined {
    const there = rooms.get(name)
    if (there) return there
    if (rooms.size >= mostRooms) return undefined
    const room = { messages: [], listeners: new Set<Listener>(), last: 0 }
    rooms.set(name, room)
    return room
  }

  const list = (): string[] => [...rooms.keys()].sort()

  function post(room: Room, { name }: Person, text: string): Message {
    room.last += 1
    const message = { id: room.last, from: name, text, at: new Date().toISOString() }
    room.messages.push(message)
    room.messages.splice(0, room.messages.length - mostMessages)
    for (const listener of room.listeners) listener(message)
    return message
  }

  /** First what was said after `lastId`, then what is said from now on: nothing is missed and nothing comes twice. */
  function listen(room: Room, lastId: number, listener: Listener): () => void {
    for (const message of room.messages) if (message.id > lastId) listener(message)
    room.listeners.add(listener)
    return () => void room.listeners.delete(listener)
  }

  return { open, list, post, listen }
}
