// Owns two products on one database, with pools and caches of their own, for requests that race each other.
import { afterAll, beforeAll } from 'vitest'
import type { Services } from '../../src/services.ts'
import { startApp, type TestApp } from './app.ts'
import { createTestDatabase, type TestDatabase } from './postgres.ts'

/** For the length of a test file; gives the services of each in turn. */
export function raceApps(): (turn: number) => Services {
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
    return app.services
  }
}
