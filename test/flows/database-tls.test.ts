import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { TLSSocket } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createClock } from '../../src/kernel/time.ts'
import { connectionFromUrl, createDb } from '../../src/platform/postgres.ts'
import { workplace } from '../support/embedded-kit.ts'
import { silentLog } from '../support/postgres.ts'

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** A certificate for localhost, and for nothing else, that vouches for itself. */
function makeCertificate() {
  const folder = workplace()
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  execFileSync('openssl', ['req', '-x509', ...curve, '-keyout', key, '-out', cert, '-days', '2', ...name], {
    stdio: 'ignore',
  })
  return { key: readFileSync(key), cert: readFileSync(cert), path: cert }
}

/** Speaks PostgreSQL up to the point where a client has shown whether it trusts the server. */
async function fakeServer(answer: 'S' | 'N', { key, cert }: { key: Buffer; cert: Buffer }) {
  const heard: string[] = []
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => undefined)
    socket.once('data', () => {
      socket.write(answer)
      if (answer === 'N') {
        socket.on('data', (bytes) => heard.push(bytes.toString()))
        return
      }
      const secure = new TLSSocket(socket, { isServer: true, key, cert })
      secure.on('error', () => undefined)
      secure.on('data', (bytes) => {
        heard.push(bytes.toString())
        secure.destroy()
      })
    })
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, heard }
}

describe.runIf(hasOpenssl())('a database server that must prove who it is', () => {
  it.each([
    ['its authority is named', 'localhost', 'sslmode=verify-full&sslrootcert=CERT', true],
    ['nobody known vouches for it', 'localhost', 'sslmode=verify-full', false],
    ['sslmode=require skips nothing', 'localhost', 'sslmode=require', false],
    ['its certificate is for another name', '127.0.0.1', 'sslmode=verify-full&sslrootcert=CERT', false],
    ['the name does not count', '127.0.0.1', 'sslmode=verify-ca&sslrootcert=CERT', true],
  ])('is told who asks only when it does: %s', async (_, host, parameters, trusted) => {
    const certificate = makeCertificate()
    const { port, heard } = await fakeServer('S', certificate)
    const query = parameters.replace('CERT', encodeURIComponent(certificate.path))
    const db = createDb({
      connection: connectionFromUrl(`postgres://ada:pass-word@${host}:${port}/foyer?${query}`),
      poolSize: 1,
      clock: createClock(),
      log: silentLog(),
    })
    await expect(db.query({ text: 'SELECT 1', values: [] })).rejects.toMatchObject({
      code: 'database_unavailable',
    })
    await db.close()
    expect(heard.join('').includes('ada')).toBe(trusted)
  })

  it('is told nothing when it has no TLS at all', async () => {
    const { port, heard } = await fakeServer('N', makeCertificate())
    const db = createDb({
      connection: connectionFromUrl(`postgres://ada:pass-word@localhost:${port}/foyer?sslmode=verify-full`),
      poolSize: 1,
      clock: createClock(),
      log: silentLog(),
    })
    await expect(db.query({ text: 'SELECT 1', values: [] })).rejects.toMatchObject({
      code: 'database_unavailable',
    })
    await db.close()
    expect(heard).toEqual([])
  })
})
