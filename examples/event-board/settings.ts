// Owns what the environment says; nothing else reads it.
import { join } from 'node:path'

export type Settings = {
  issuer: string
  port: number
  /** Where browsers reach the board. */
  origin: string
  dataDir: string
  /** A client that somebody registered by hand; without one the board registers itself at the demo. */
  client: { clientId: string; clientSecret: string } | undefined
}

export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const port = Number(env.PORT ?? 3101)
  const { FOYER_CLIENT_ID: clientId, FOYER_CLIENT_SECRET: clientSecret } = env
  return {
    issuer: env.FOYER_ISSUER ?? 'http://localhost:3000',
    port,
    origin: env.BOARD_ORIGIN ?? `http://localhost:${port}`,
    dataDir: env.EXAMPLE_DATA_DIR ?? join(import.meta.dirname, '..', 'data', 'event-board'),
    client: clientId && clientSecret ? { clientId, clientSecret } : undefined,
  }
}
