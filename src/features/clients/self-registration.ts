// Owns how an app registers by itself, without anybody who has looked at it (RFC 7591), and manages itself later
// (RFC 7592): whoever holds its registration access token may change and remove it.
import { notFound } from '../../kernel/errors.ts'
import { hashSecret, issueSecret, newId } from '../../kernel/secrets.ts'
import type { Clock } from '../../kernel/time.ts'
import type { ClientMetadata } from './schema.ts'
import type { Clients, CreatedClient } from './service.ts'
import type { Client, ClientStore } from './store.ts'

export type SelfRegistrationDeps = {
  clients: Pick<Clients, 'createKnown' | 'update'>
  store: Pick<ClientStore, 'findRegistered' | 'hasSecret'>
  clock: Clock
}
export type RegisteredClient = CreatedClient & { registrationToken: string }
export type SelfRegistration = ReturnType<typeof createSelfRegistration>

export function createSelfRegistration({ clients, store, clock }: SelfRegistrationDeps) {
  async function register(metadata: ClientMetadata): Promise<RegisteredClient> {
    const { secret } = issueSecret('foyer_cs')
    const token = issueSecret('foyer_reg')
    const known = { id: newId(clock.now()), secret, metadata, registrationTokenHash: token.hash }
    return { ...(await clients.createKnown({ kind: 'stranger' }, known)), registrationToken: token.secret }
  }

  /** The client of this registration access token; whatever is wrong with it, nothing. */
  const find = (id: string, token: string): Promise<Client | null> =>
    store.findRegistered(id, hashSecret(token))

  /** A secret rests as its hash, which is all that it takes to compare one. */
  const holdsSecret = (id: string, secret: string): Promise<boolean> =>
    store.hasSecret(id, { hash: hashSecret(secret), now: clock.now() })

  /**
   * RFC 7592 §2.2, and another token for the next change. Whom the owner closed the app to meanwhile is none of what
   * it may replace.
   */
  async function update(
    id: string,
    { metadata, token }: { metadata: ClientMetadata; token: string },
  ): Promise<RegisteredClient> {
    const next = issueSecret('foyer_reg')
    const registration = { from: hashSecret(token), to: next.hash }
    const before = await find(id, token)
    if (!before) throw notFound('client_not_found')
    const { access, email_methods } = before.metadata
    const client = await clients.update({ kind: 'client', id }, id, {
      metadata: { ...metadata, access, email_methods },
      // An owner who narrows it at this moment is not written over
      expected: [before.updatedAt],
      registration,
    })
    return { ...client, registrationToken: next.secret }
  }

  return { register, find, holdsSecret, update }
}
