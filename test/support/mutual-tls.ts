// Owns certificates of clients and the proxy in front of the product that asks for them, as an operator would set up
// both: the proxy ends TLS, takes away what a client sends in the header, and puts the certificate there.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request as plainRequest } from 'node:http'
import { createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import type { Answer } from './signed-rp.ts'

export type Identity = { key: string; cert: string }

export const certificateHeader = 'x-client-certificate'

/** The product behind the proxy of this file, which believes certificates by this authority. */
export const mutualTlsEnv = (authority: Identity): Record<string, string> => ({
  FOYER_TRUSTED_PROXY_HOPS: '1',
  FOYER_TRUSTED_PROXIES: '127.0.0.1, ::1',
  FOYER_CLIENT_CERTIFICATE_HEADER: certificateHeader,
  FOYER_CLIENT_CERTIFICATE_CA: authority.cert,
})

const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** Runs openssl in a folder of its own, and gives the key and the certificate that it left. */
function make(args: string[], issuer?: Identity): Identity {
  const folder = mkdtempSync(join(tmpdir(), 'foyer-certificates-'))
  try {
    const by = issuer ? ['-CA', 'ca.pem', '-CAkey', 'ca-key.pem'] : []
    if (issuer) {
      writeFileSync(join(folder, 'ca.pem'), issuer.cert)
      writeFileSync(join(folder, 'ca-key.pem'), issuer.key)
    }
    const out = ['-keyout', 'key.pem', '-out', 'cert.pem']
    execFileSync('openssl', ['req', '-x509', ...curve, ...by, ...out, ...args], {
      cwd: folder,
      stdio: 'ignore',
    })
    return {
      key: readFileSync(join(folder, 'key.pem'), 'utf8'),
      cert: readFileSync(join(folder, 'cert.pem'), 'utf8'),
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** An authority that vouches for clients. */
export const makeAuthority = (): Identity => make(['-subj', '/CN=Clients', '-days', '2'])

/** A certificate of a client, by an authority or by itself. */
export function makeIdentity(
  subject: string,
  {
    issuer,
    san,
    purpose = 'clientAuth',
    days = '2',
  }: { issuer?: Identity; san?: string; purpose?: string; days?: string } = {},
): Identity {
  const names = san === undefined ? [] : ['-addext', `subjectAltName=${san}`]
  const use = ['-addext', 'basicConstraints=critical,CA:FALSE', '-addext', `extendedKeyUsage=${purpose}`]
  return make(['-subj', subject, '-days', days, ...names, ...use], issuer)
}

/** The certificate as a member of a key set. */
export const x5cOf = ({ cert }: Identity): string => cert.replace(/-----[^-]+-----|\s/g, '')

export type TlsProxy = { origin: string; close(): Promise<void> }

export async function startTlsProxy(target: string): Promise<TlsProxy> {
  const own = makeIdentity('/CN=localhost', { san: 'DNS:localhost', purpose: 'serverAuth' })
  const server = createServer(
    { ...own, requestCert: true, rejectUnauthorized: false },
    (incoming, outgoing) => {
      const { [certificateHeader]: _, ...headers } = incoming.headers
      const { raw } = (incoming.socket as TLSSocket).getPeerCertificate()
      const seen = raw && { [certificateHeader]: `:${raw.toString('base64')}:` }
      const onward = plainRequest(new URL(incoming.url ?? '', target), {
        method: incoming.method,
        headers: { ...headers, ...seen, host: new URL(target).host, 'x-forwarded-for': '192.0.2.1' },
      })
      onward.on('response', (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(outgoing)
      })
      onward.on('error', () => outgoing.destroy())
      incoming.pipe(onward)
    },
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    origin: `https://localhost:${port}`,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** A request over a connection with this certificate, or with none. */
export function askWith(
  identity: Identity | undefined,
  url: string,
  { form, headers = {} }: { form?: Record<string, string>; headers?: Record<string, string> } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const body = form && new URLSearchParams(form).toString()
    const outgoing = request(url, {
      ...identity,
      agent: false,
      host: '127.0.0.1',
      servername: 'localhost',
      // The proxy of a test vouches for itself
      rejectUnauthorized: false,
      method: form ? 'POST' : 'GET',
      headers: {
        accept: 'application/json',
        ...(form && { 'content-type': 'application/x-www-form-urlencoded' }),
        ...headers,
      },
    })
    outgoing.on('error', reject)
    outgoing.on('response', (incoming) => {
      let text = ''
      incoming.setEncoding('utf8')
      incoming.on('data', (chunk: string) => {
        text += chunk
      })
      incoming.on('end', () =>
        resolve({
          status: incoming.statusCode ?? 0,
          body: text ? JSON.parse(text) : {},
          headers: new Headers(incoming.headers as Record<string, string>),
        }),
      )
    })
    outgoing.end(body)
  })
}
