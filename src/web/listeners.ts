// Owns sockets: servers with their bounds, listening on every host, and letting requests finish before the end.
import { createServer, type RequestListener, type Server } from 'node:http'
import { Server as NetServer } from 'node:net'
import { limits } from '../config/limits.ts'
import { ArrivedRequest } from './arrived-request.ts'
import { SteadyResponse } from './steady-response.ts'

export type Where = { port: number; hosts: readonly string[] }

function serve(handler: RequestListener): Server {
  const server = createServer(
    {
      IncomingMessage: ArrivedRequest,
      ServerResponse: SteadyResponse,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      maxHeaderSize: limits.headerBytes,
      keepAliveTimeout: 65_000,
    },
    handler,
  )
  server.maxConnections = limits.sockets
  return server
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

const portTaken = (port: number, setting: string, cause: unknown) =>
  new Error(`Port ${port} is taken: stop what listens there, or set ${setting} to another one.`, { cause })

/** Listens on every host; a machine without IPv6 does without ::1. `setting` names the port to whoever finds it taken. */
export async function listenOn(
  handler: RequestListener,
  { port, hosts }: Where,
  setting = 'PORT',
): Promise<Server[]> {
  const servers: Server[] = []
  for (const host of hosts) {
    const server = serve(handler)
    try {
      await listen(server, port, host)
      servers.push(server)
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException
      const missing = code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL'
      if (missing && servers.length > 0) continue
      for (const opened of servers) opened.close()
      throw code === 'EADDRINUSE' ? portTaken(port, setting, error) : error
    }
  }
  return servers
}

/** So long a client that is busy on a connection has to hear, with an answer, that it ends. */
const tellMs = 250

/**
 * Stops taking connections, lets requests finish, and cuts what is left when the time is over. Between two requests
 * a connection is not closed at once, as http's own close would: the next request may be on its way already.
 */
export async function drain(servers: Server[]): Promise<void> {
  const closed = servers.map(
    (server) => new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve())),
  )
  for (const server of servers) {
    server.prependListener('request', (_request, response) => response.setHeader('Connection', 'close'))
  }
  const closeIdle = setInterval(() => {
    for (const server of servers) server.closeIdleConnections()
  }, tellMs)
  const cut = setTimeout(() => {
    for (const server of servers) server.closeAllConnections()
  }, limits.drainMs)
  await Promise.all(closed)
  clearInterval(closeIdle)
  clearTimeout(cut)
}
