// A server on loopback that describes apps: what each path answers is up to the test.
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

type Answer = (response: ServerResponse, id: string) => void

export type Documents = Awaited<ReturnType<typeof startDocuments>>

export const callback = 'https://agent.example/callback'

export async function startDocuments() {
  const answers = new Map<string, Answer>()
  const asked: string[] = []
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    asked.push(path)
    const answer = answers.get(path)
    if (answer) answer(response, `${origin}${path}`)
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  return {
    origin,
    host: new URL(origin).host,
    /** Puts an answer at a path and gives the id that it describes. */
    put(path: string, answer: Answer): string {
      answers.set(path, answer)
      return origin + path
    },
    /** A good document, but for what is changed. */
    describe(
      path: string,
      changes: Record<string, unknown> = {},
      headers: Record<string, string> = {},
    ): string {
      return this.put(path, (response, id) => {
        const document = { client_id: id, client_name: 'Agent', redirect_uris: [callback], ...changes }
        response.writeHead(200, { 'content-type': 'application/json', ...headers })
        response.end(JSON.stringify(document))
      })
    },
    timesAsked: (path: string) => asked.filter((each) => each === path).length,
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}
