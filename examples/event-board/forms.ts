// Owns what comes in by forms: read within a limit, and checked field by field.
import type { IncomingMessage } from 'node:http'

export type Fields = URLSearchParams
export type Problems<Name extends string> = Partial<Record<Name, string>>

export type EventInput = {
  title: string
  description: string
  place: string
  startsAt: string
  capacity: number | null
  team: string
}

const mostBytes = 32_768

/** Nothing when it is too long, or no form of ours. */
export async function readForm(request: IncomingMessage): Promise<Fields | undefined> {
  if (!request.headers['content-type']?.startsWith('application/x-www-form-urlencoded')) return undefined
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > mostBytes) return undefined
    chunks.push(chunk)
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'))
}

export const textOf = (fields: Fields, name: string): string => (fields.get(name) ?? '').trim()

export function readEvent(fields: Fields): { input: EventInput; problems: Problems<keyof EventInput> } {
  const seats = textOf(fields, 'capacity')
  const input = {
    title: textOf(fields, 'title'),
    description: textOf(fields, 'description'),
    place: textOf(fields, 'place'),
    startsAt: textOf(fields, 'startsAt'),
    capacity: seats === '' ? null : Number(seats),
    team: textOf(fields, 'team'),
  }
  const { capacity } = input
  const checks: [keyof EventInput, boolean, string][] = [
    ['title', isBetween(input.title, 1, 100), 'Give it a title of at most 100 characters.'],
    ['description', isBetween(input.description, 0, 2000), 'Use at most 2,000 characters.'],
    ['place', isBetween(input.place, 1, 100), 'Say where, in at most 100 characters.'],
    ['startsAt', isMoment(input.startsAt), 'Give a day and a time.'],
    [
      'capacity',
      capacity === null || (Number.isInteger(capacity) && capacity >= 1 && capacity <= 10_000),
      'Give a whole number from 1 to 10,000, or leave it empty.',
    ],
  ]
  const problems = Object.fromEntries(
    checks.filter(([, good]) => !good).map(([name, , words]) => [name, words]),
  )
  return { input, problems }
}

export const isNoticeText = (text: string): boolean => isBetween(text, 1, 500)

const isBetween = (text: string, least: number, most: number): boolean =>
  text.length >= least && text.length <= most

/** As a datetime-local input sends it. */
const isMoment = (text: string): boolean =>
  /^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(text) && !Number.isNaN(Date.parse(`${text}Z`))

/** Where to go on after the sign-in: a page of this board and nowhere else. */
export function localPath(text: unknown, origin: string): string {
  if (typeof text !== 'string' || !text.startsWith('/')) return '/'
  const url = URL.parse(text, origin)
  return url?.origin === origin ? url.pathname + url.search : '/'
}
