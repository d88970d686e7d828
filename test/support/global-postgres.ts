// Owns the tests' PostgreSQL for the length of a whole run: attached for as long as vitest lives, so that the server
// need not stop and start between two test files.
import { testServer } from './postgres.ts'

export async function setup(): Promise<() => Promise<void>> {
  const server = await testServer()
  return () => server.stop()
}
