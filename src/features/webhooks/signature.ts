// Owns the signatures of Standard Webhooks 1.0: the secrets, and the headers that a body travels with.
import { createHmac } from 'node:crypto'
import { randomKey } from '../../kernel/secrets.ts'

const prefix = 'whsec_'
const keyBytes = 32

/** As the receiver is given it. */
export const drawSecret = (): string => prefix + randomKey(keyBytes).toString('base64')

export type Message = { id: string; at: Date; body: string }

/** With more than one secret there are as many signatures: the receiver takes whichever it can verify. */
export function signedHeaders({ id, at, body }: Message, secrets: readonly string[]): Record<string, string> {
  const timestamp = String(Math.floor(at.getTime() / 1000))
  const signatures = secrets.map((secret) => `v1,${signatureOf(`${id}.${timestamp}.${body}`, secret)}`)
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  }
}

const signatureOf = (signed: string, secret: string): string =>
  createHmac('sha256', Buffer.from(secret.slice(prefix.length), 'base64'))
    .update(signed)
    .digest('base64')
