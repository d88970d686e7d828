// Owns the options of the command line.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Effort } from './effort.ts'

export const usage = `npm run bench -- [options]
  --seconds N             measured time of one cell (4); the probes beside sign-ins run 2.5 times as long
  --rounds N              interleaved rounds, of which the medians count (3)
  --warm-up N             a server is warm after so many seconds of load (8) …
  --warm-up-operations N  … and so many operations (8000; half of it for a sign-in with its hash), whichever comes
                          later
  --warm-up-cap N         … but at the latest after so many seconds (30)
                          Each server is warmed up so before its first cell of a scenario; later rounds take an
                          eighth of the operations and 1.5 to 6 seconds.
  --only A,B              only what has one of these in its name
  --log-level L           LOG_LEVEL of Foyer, whose log goes to a file (info)
  --json FILE             where the numbers go (bench/results/latest.json)
How long it will take is said at the start.
`

export type Options = {
  help: boolean
  effort: Effort
  /** Whether something of this name was asked for. */
  isWanted: (name: string) => boolean
  logLevel: string
  json: string
}

export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      seconds: { type: 'string', default: '4' },
      rounds: { type: 'string', default: '3' },
      'warm-up': { type: 'string', default: '8' },
      'warm-up-operations': { type: 'string', default: '8000' },
      'warm-up-cap': { type: 'string', default: '30' },
      'log-level': { type: 'string', default: 'info' },
      only: { type: 'string', default: '' },
      json: { type: 'string', default: join(import.meta.dirname, 'results/latest.json') },
      help: { type: 'boolean', default: false },
    },
  })
  const parts = values.only.split(',').filter(Boolean)
  return {
    help: values.help,
    effort: {
      rounds: numberOf('rounds', values.rounds),
      seconds: numberOf('seconds', values.seconds),
      warmUp: {
        seconds: numberOf('warm-up', values['warm-up']),
        operations: numberOf('warm-up-operations', values['warm-up-operations']),
        mostSeconds: numberOf('warm-up-cap', values['warm-up-cap']),
      },
    },
    isWanted: (name) => parts.length === 0 || parts.some((part) => name.includes(part)),
    logLevel: values['log-level'],
    json: values.json,
  }
}

function numberOf(option: string, text: string): number {
  const number = Number(text)
  if (text.trim() !== '' && Number.isFinite(number) && number >= 0) return number
  throw new Error(`--${option} takes a number, not ${JSON.stringify(text)}`)
}
