// Owns the log: JSON lines on stderr, readable on a terminal, and what may never appear in them.
import {
  type DestinationStream,
  destination as fileDestination,
  type Level,
  pino,
  stdTimeFunctions,
} from 'pino'
import pretty from 'pino-pretty'
import { systemTime } from '../kernel/time.ts'

export type Log = pino.Logger

const secretNames = [
  'password',
  'token',
  'code',
  'authorization',
  'cookie',
  'set-cookie',
  'client_secret',
  'refresh_token',
  'access_token',
  'id_token',
  'code_verifier',
  'client_assertion',
  'assertion',
  'id_token_hint',
]

const censor = '[redacted]'
const stderrFd = 2

/** Under any of these names a value is hidden, whatever it is: an object, a list, a string. */
const redactedPaths = secretNames.flatMap((name) => {
  const key = `["${name}"]`
  return [key, `*${key}`, `*.*${key}`]
})

const alternatives = secretNames.join('|')
/** The same names deeper down, where only strings matter, and in URLs and form bodies inside of texts. */
const secretProperty = new RegExp(`"(${alternatives})":"(?:[^"\\\\]|\\\\.)*"`, 'gi')
const secretParameter = new RegExp(`([?&#\\s"](?:${alternatives})=)[^&#\\s"\\\\]+`, 'gi')
const bearer = /\b(Bearer|Basic|DPoP) +[\w.~+/=-]{8,}/g

/** One pass over the finished line, so that no nesting and no message can smuggle a secret past it. */
export function scrub(line: string): string {
  return line
    .replace(secretProperty, `"$1":"${censor}"`)
    .replace(secretParameter, `$1${censor}`)
    .replace(bearer, `$1 ${censor}`)
}

/** Errors show their name, sentence, stack and causes: other fields may repeat rows or requests. */
function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return error
  const { name, message, stack } = error
  const code = 'code' in error && typeof error.code === 'string' ? { reason: error.code } : {}
  const cause = error.cause === undefined || depth > 3 ? {} : { cause: describeError(error.cause, depth + 1) }
  return { type: name, message, ...code, stack, ...cause }
}

function defaultDestination(color: boolean): DestinationStream {
  if (!process.stderr.isTTY) return fileDestination({ dest: stderrFd, sync: true })
  return pretty({ colorize: color, destination: stderrFd, sync: true, translateTime: 'SYS:HH:MM:ss.l' })
}

export function createLog(
  { level, color }: { level: Level | 'silent'; color: boolean },
  destination: DestinationStream = defaultDestination(color),
): Log {
  return pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: (error) => describeError(error), error: (error) => describeError(error) },
      redact: { paths: redactedPaths, censor },
      hooks: { streamWrite: scrub },
    },
    destination,
  )
}

/** A request that went well: nothing in it can hold a secret. */
export type AccessLine = {
  event: string
  method: string
  path: string
  status: number
  seconds: number
  requestId: string
  address: string
}

export type AccessLog = {
  write(line: AccessLine): void
  /** Hands on what is still held back, before the process ends. */
  flush(): void
}

const heldBackLength = 8 * 1024
const heldBackMs = 100

/**
 * The lines of requests that went well. Written one by one they would cost a fifth of a token request, so they are
 * held back for a tenth of a second; what went wrong goes through the log itself, at once. They look like its lines
 * and need none of its care: no field may be an error or hold a secret.
 */
export function createAccessLog(log: Log, openDestination: () => DestinationStream = toStderr): AccessLog {
  const isHeard = log.isLevelEnabled('info')
  if (!isHeard || process.stderr.isTTY) {
    return { write: (line) => isHeard && log.info(line), flush: () => undefined }
  }
  const destination = openDestination()
  const { pid } = process
  let held = ''
  let timer: NodeJS.Timeout | undefined

  function flush(): void {
    clearTimeout(timer)
    timer = undefined
    if (held !== '') destination.write(held)
    held = ''
  }

  return {
    write: ({ event, method, path, status, seconds, requestId, address }) => {
      const time = systemTime()
      held += `${JSON.stringify({ level: 'info', time, pid, event, method, path, status, seconds, requestId, address })}\n`
      if (held.length >= heldBackLength) flush()
      else timer ??= setTimeout(flush, heldBackMs).unref()
    },
    flush,
  }
}

const toStderr = () => fileDestination({ dest: stderrFd, sync: true })
