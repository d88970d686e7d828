// Owns two products on one database, with pools and caches of their own, for requests that race each other.
import { afterAll, beforeAll } from 'vitest'
import { startApp, type TestApp } from './app.ts'
import { createDoor, type Door } from './barrier.ts'
import { createTestDatabase, type TestDatabase } from './postgres.ts'
import { type Product, startPair } from './process.ts'

/** Inside the test, for the length of its file; gives each in turn. */
export function raceApps(): (turn: number) => TestApp {
  let database: TestDatabase
  let apps: TestApp[] = []
  beforeAll(async () => {
    database = await createTestDatabase()
    apps = [await startApp({ databaseUrl: database.url }), await startApp({ databaseUrl: database.url })]
  })
  afterAll(async () => {
    for (const app of apps) await app.close()
    await database.drop()
  })

  return (turn) => {
    const app = apps[turn % apps.length]
    if (!app) throw new Error('no product')
    return app
  }
}

export type RacePair = { issuer: string; doors: [Door, Door]; database: TestDatabase }

/** As two processes, for the length of a test file; gives them once they are there, with a door to each. */
export function racePair(options: { env?: Record<string, string> } = {}): () => RacePair {
  let database: TestDatabase
  let products: Product[] = []
  let pair: RacePair | undefined
  beforeAll(async () => {
    database = await createTestDatabase()
    const [first, second] = await startPair({ ...options, databaseUrl: database.url })
    products = [first, second]
    pair = { issuer: first.issuer, doors: [createDoor(first), createDoor(second)], database }
  })
  afterAll(async () => {
    for (const door of pair?.doors ?? []) door.close()
    await Promise.all(products.map((product) => product.stop()))
    await database.drop()
  })

  return () => {
    if (!pair) throw new Error('no products')
    return pair
  }
}
