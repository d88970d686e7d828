// Owns what hangs on the board: events with who comes, and notices. Kept in memory and in one JSON file, which is
// replaced as a whole, so that a crash leaves the board before or after a change.
import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export type Somebody = { sub: string; name: string }
export type BoardEvent = {
  id: string
  title: string
  description: string
  place: string
  /** As in a datetime-local input: the clock on the wall of that place. */
  startsAt: string
  capacity: number | null
  teamId: string | null
  by: Somebody
  people: Somebody[]
}
export type Notice = { id: string; text: string; teamId: string | null; by: Somebody; at: string }
export type NewEvent = Omit<BoardEvent, 'id' | 'people'>
export type NewNotice = Omit<Notice, 'id' | 'at'>

export type Joined = 'joined' | 'full' | 'gone'

type State = { events: BoardEvent[]; notices: Notice[] }

export type Board = ReturnType<typeof openBoard>

const mostNotices = 100

export function openBoard(folder: string) {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'board.json')
  const state = load(file)
  let writing = Promise.resolve()

  /** One write after the other; each writes what the board is by then. */
  function save(): Promise<void> {
    const written = writing.then(async () => {
      await writeFile(`${file}.new`, JSON.stringify(state, null, 2), { mode: 0o600 })
      await rename(`${file}.new`, file)
    })
    // A disk that was full may have room for the next one
    writing = written.catch(() => undefined)
    return written
  }

  const findEvent = (id: string): BoardEvent | undefined => state.events.find((event) => event.id === id)

  async function addEvent(event: NewEvent): Promise<BoardEvent> {
    const added = { ...event, id: randomUUID(), people: [] }
    state.events.push(added)
    state.events.sort((one, other) => (one.startsAt < other.startsAt ? -1 : 1))
    await save()
    return added
  }

  async function cancelEvent(id: string): Promise<void> {
    state.events = state.events.filter((event) => event.id !== id)
    await save()
  }

  /** Decided and done without a pause in between, so the last seat goes to one. */
  async function addPerson(id: string, person: Somebody): Promise<Joined> {
    const event = findEvent(id)
    if (!event) return 'gone'
    if (event.people.some(({ sub }) => sub === person.sub)) return 'joined'
    if (event.capacity !== null && event.people.length >= event.capacity) return 'full'
    event.people.push({ sub: person.sub, name: person.name })
    await save()
    return 'joined'
  }

  async function removePerson(id: string, { sub }: Pick<Somebody, 'sub'>): Promise<void> {
    const event = findEvent(id)
    if (!event) return
    event.people = event.people.filter((each) => each.sub !== sub)
    await save()
  }

  async function addNotice(notice: NewNotice): Promise<void> {
    state.notices.unshift({ ...notice, id: randomUUID(), at: new Date().toISOString() })
    state.notices.splice(mostNotices)
    await save()
  }

  return {
    listEvents: (): readonly BoardEvent[] => state.events,
    listNotices: (): readonly Notice[] => state.notices,
    findEvent,
    addEvent,
    cancelEvent,
    addPerson,
    removePerson,
    addNotice,
  }
}

function load(file: string): State {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as State
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { events: [], notices: [] }
    throw error
  }
}
