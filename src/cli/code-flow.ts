// Owns the command that gets tokens as an app does: it prints where to sign in, waits on loopback for the code, and
// redeems it (RFC 6749 §4.1 with PKCE, RFC 7636).
import { createHash } from 'node:crypto'
import { type Command, InvalidArgumentError } from 'commander'
import { randomToken } from '../kernel/secrets.ts'
import { minutes } from '../kernel/time.ts'
import type { Context } from './context.ts'
import type { Loopback } from './loopback.ts'
import { basicOf, readTokens } from './token-answer.ts'

type CodeFlow = { clientId: string; clientSecret?: string; scope: string; resource?: string; port: number }

const patienceMs = minutes(5)

export function addCodeCommand(token: Command, context: Context): void {
  token
    .command('code')
    .description('a token for whoever signs in in a browser (RFC 6749 §4.1)')
    .requiredOption('--client-id <id>', 'of a client that may redirect to http://127.0.0.1/callback')
    .option('--client-secret <secret>', 'when it has one')
    .option('--scope <scopes>', 'with spaces between them', 'openid')
    .option('--resource <uri>', 'the API the token is for')
    .option('--port <port>', 'where to wait on 127.0.0.1; any when it is 0', readPort, 0)
    .action((options: CodeFlow) => fetchByCode(context, options))
}

function readPort(text: string): number {
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port
  throw new InvalidArgumentError('Give a port from 0 to 65535.')
}

async function fetchByCode({ environment, output }: Context, options: CodeFlow): Promise<void> {
  const { issuer } = environment.readConfig()
  const { clientId, clientSecret, resource } = options
  const loopback = await environment.listenOnLoopback(options.port)
  const verifier = randomToken()
  try {
    const code = await codeFrom(loopback, { issuer, options, verifier, say: output().say })
    const form = new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      redirect_uri: loopback.redirectUri,
      code_verifier: verifier,
      ...(clientSecret === undefined && { client_id: clientId }),
      ...(resource !== undefined && { resource }),
    })
    const headers = clientSecret === undefined ? {} : basicOf(clientId, clientSecret)
    const tokens = readTokens(await environment.postForm(`${issuer}/oauth2/token`, form, headers))
    output().data(tokens, JSON.stringify(tokens, null, 2))
  } finally {
    loopback.close()
  }
}

type Asking = { issuer: string; options: CodeFlow; verifier: string; say: (words: string) => void }

async function codeFrom(loopback: Loopback, { issuer, options, verifier, say }: Asking): Promise<string> {
  const state = randomToken()
  const url = new URL(`${issuer}/oauth2/authorize`)
  url.search = new URLSearchParams({
    client_id: options.clientId,
    redirect_uri: loopback.redirectUri,
    response_type: 'code',
    scope: options.scope,
    state,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...(options.resource !== undefined && { resource: options.resource }),
  }).toString()
  say(`Sign in at\n${url.href}\nWaiting at ${loopback.redirectUri} …`)
  // Nobody else's redirect is taken for ours: RFC 6749 §10.12, and RFC 9207 §2.4 for the issuer.
  const isOurs = (answer: URLSearchParams) => answer.get('state') === state && answer.get('iss') === issuer
  const answer = await loopback.arrival(isOurs, patienceMs)
  const code = answer.get('code')
  if (code !== null) return code
  const said = [answer.get('error'), answer.get('error_description')].filter((part) => part !== null)
  throw new Error(said.join(': ') || 'The answer holds no code.')
}
