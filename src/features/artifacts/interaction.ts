// Owns how an interaction's payload rests: sealed, since it repeats the ids of its cookie and of the session's.
import { hashSecret } from '../../kernel/secrets.ts'
import type { Payload } from './kinds.ts'
import { withoutId } from './kinds.ts'

const purpose = (uid: string) => `interactions.${hashSecret(uid).toString('hex')}.sealed`

export function sealInteraction(
  sealer: { seal(plaintext: string, aad: string): Buffer },
  uid: string,
  payload: Payload,
): Buffer {
  return sealer.seal(JSON.stringify(withoutId(payload)), purpose(uid))
}

export function openInteraction(
  sealer: { open(sealed: Uint8Array, aad: string): Buffer },
  uid: string,
  sealed: Uint8Array,
): Payload {
  const payload: Payload = JSON.parse(sealer.open(sealed, purpose(uid)).toString('utf8'))
  return { ...payload, jti: uid }
}

/** What the table shows of a payload in plain, so that one read can bring the account and the grant along. */
export function linksOf(payload: Payload): {
  clientId: string
  accountId: string | null
  grantId: string | null
} {
  const { params, result } = payload as {
    params?: { client_id?: string }
    result?: { login?: { accountId?: string }; consent?: { grantId?: string } }
  }
  return {
    clientId: params?.client_id ?? '',
    accountId: result?.login?.accountId ?? null,
    grantId: result?.consent?.grantId ?? payload.grantId ?? null,
  }
}
