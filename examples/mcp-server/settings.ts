// Owns what the environment says; nothing else reads it.
export type Settings = {
  issuer: string
  port: number
  /** Where MCP clients reach the server, and the identifier of it as an API: the `aud` of its tokens. */
  resource: string
}

/** What its tokens may be for. */
export const scopes = ['notes:read', 'notes:write']

export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const port = Number(env.PORT ?? 3105)
  return {
    issuer: env.FOYER_ISSUER ?? 'http://localhost:3000',
    port,
    resource: env.MCP_RESOURCE ?? `http://localhost:${port}/mcp`,
  }
}
