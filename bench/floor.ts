// The floor: what HTTP alone costs. A bare node:http answer, a koa that reads a form, and the raw argon2id rate.
// Run as a process of its own by main.ts; prints its ports.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { availableParallelism } from 'node:os'
import { hash, verify } from '@node-rs/argon2'
import Koa from 'koa'

const answer = JSON.stringify({
  access_token: 'x'.repeat(43),
  token_type: 'Bearer',
  expires_in: 900,
  padding: 'y'.repeat(190),
})
const password = 'analytical-engine-1843'
const stored = await hash(password, { memoryCost: 19_456, timeCost: 2, parallelism: 1 })

// The same parameters, and as many at once, as Foyer allows itself (src/platform/passwords.ts); both processes are
// started on the same cores, so that both count the same number of them.
let permits = Math.max(1, availableParallelism() - 1)
const waiting: (() => void)[] = []

async function compare(): Promise<boolean> {
  if (permits > 0) permits -= 1
  else await new Promise<void>((admit) => waiting.push(admit))
  try {
    return await verify(stored, password)
  } finally {
    const next = waiting.shift()
    if (next) next()
    else permits += 1
  }
}

const raw = createServer((_request, response) => {
  response.setHeader('Content-Type', 'application/json')
  response.end(answer)
})

const app = new Koa()
app.use(async (ctx) => {
  const chunks: Buffer[] = []
  for await (const chunk of ctx.req) chunks.push(chunk)
  const form = new URLSearchParams(Buffer.concat(chunks).toString())
  const good = form.has('grant_type') && (ctx.path !== '/argon2id' || (await compare()))
  if (!good) return ctx.throw(400)
  ctx.type = 'application/json'
  ctx.body = answer
})
const koa = createServer(app.callback())

const ports = await Promise.all(
  [raw, koa].map(
    (server) =>
      new Promise<number>((resolve) =>
        server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)),
      ),
  ),
)
process.stdout.write(`ports ${ports.join(' ')}\n`)
