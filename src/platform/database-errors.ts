// Owns what an error of the database means, whether pg or Prisma raised it. Answering it is web/problem.ts.
import pg from 'pg'
import { AppError, unavailable } from '../kernel/errors.ts'

type Coded = { code?: unknown; cause?: unknown; meta?: unknown; originalCode?: unknown; kind?: unknown }

const isObject = (value: unknown): value is Coded => typeof value === 'object' && value !== null

/** The SQLSTATE behind an error, however deep Prisma has wrapped it. */
export function sqlState(error: unknown): string | undefined {
  if (!isObject(error)) return undefined
  if (error instanceof pg.DatabaseError) return error.code
  if (typeof error.originalCode === 'string') return error.originalCode
  if (isObject(error.meta) && 'driverAdapterError' in error.meta)
    return sqlState(error.meta.driverAdapterError)
  return sqlState(error.cause)
}

export function isUniqueViolation(error: unknown): boolean {
  return sqlState(error) === '23505' || (isObject(error) && error.code === 'P2002')
}

/** The database gave up one of two conflicting transactions: the same work may succeed now. */
export function isConflict(error: unknown): boolean {
  if (isObject(error) && error.code === 'P2034') return true
  return ['40001', '40P01'].includes(sqlState(error) ?? '')
}

/** Classes and states that say nothing about the statement and everything about the server. */
const serverTrouble = /^(08|28|53|58|57P0|57014$|55P03$|25006$|25P0[34]$|3D000$|40001$|40P01$|F0|XX)/

const driverTrouble = [
  'DatabaseNotReachable',
  'ConnectionClosed',
  'SocketTimeout',
  'TooManyConnections',
  'TlsConnectionError',
  'AuthenticationFailed',
  'DatabaseAccessDenied',
  'DatabaseDoesNotExist',
]
/** Prisma: server not reachable, connection closed, pool or transaction start timed out, too many connections. */
const prismaTrouble = ['P1001', 'P1002', 'P1008', 'P1011', 'P1017', 'P2024', 'P2028', 'P2037']

/** Sockets, names and certificates. */
const nodeTrouble =
  /^(ECONN|ENOENT$|EPIPE$|ETIMEDOUT$|ENOTFOUND$|EAI_|EHOST|ENET|EACCES$|ERR_TLS|CERT_|UNABLE_TO_|(DEPTH_ZERO_)?SELF_SIGNED)/

/** What pg says, without any code, when a connection is gone or did not come about. */
const connectionTrouble =
  /^(Connection terminated|Query read timeout|timeout exceeded when trying to connect|timeout expired|Client (was closed|has encountered a connection error)|Cannot use a pool after calling end|The server does not support SSL|There was an error establishing an SSL)/

export function isUnavailable(error: unknown): boolean {
  if (!isObject(error)) return false
  const state = sqlState(error)
  if (state !== undefined) return serverTrouble.test(state)
  if (typeof error.code === 'string' && (prismaTrouble.includes(error.code) || nodeTrouble.test(error.code)))
    return true
  if (isObject(error.cause) && driverTrouble.includes(String(error.cause.kind))) return true
  if (!(error instanceof Error)) return false
  return connectionTrouble.test(error.message)
}

/** The refusal a caller may pass on: trouble of the server becomes `unavailable`, everything else stays. */
export function translated(error: unknown): unknown {
  if (error instanceof AppError || !isUnavailable(error)) return error
  return unavailable('database_unavailable', error)
}
