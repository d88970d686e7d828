// Owns what apps ask of a person who is not at a browser of theirs (CIBA): that it waits, that the person is told by
// mail, and that no app asks without end. Who decides and that it is decided once is service.ts.
import { hashSecret, isId, newId } from '../../kernel/secrets.ts'
import { type Clock, fromSeconds } from '../../kernel/time.ts'
import type { Limiter } from '../../platform/limiter.ts'
import { currentUnit, stage } from '../artifacts/unit-of-work.ts'
import type { Outbox } from '../outbox/service.ts'
import { sealedPlace } from './ping.ts'
import type { HeldRequest } from './service.ts'
import { type CrossDeviceStore, type Holder, insertRequest } from './store.ts'

export type AskedPerson = { id: string; email: string; emailVerifiedAt: Date | null; locale: string | null }

export type AskDeps = {
  store: CrossDeviceStore
  sealer: { seal(plaintext: string, aad: string): Buffer }
  limiter: Pick<Limiter, 'take'>
  outbox: Pick<Outbox, 'mailWrite'>
  clock: Clock
  issuer: string
  /** Test benches ask the people of the demo as often as they like. */
  isUnlimited: (email: string) => boolean
}

export type NewAsk = { code: string; clientId: string; exp: number; app: string; notificationToken?: string }

/** Where the person answers. */
export const askPage = '/account/requests'

export type Asks = ReturnType<typeof createAsks>

export function createAsks({ store, sealer, limiter, outbox, clock, issuer, isUnlimited }: AskDeps) {
  /** Counted before anybody is told: nobody is woken again and again until they press the wrong button. */
  async function mayAsk({ id, email }: AskedPerson): Promise<boolean> {
    if (isUnlimited(email)) return true
    return (await limiter.take([{ name: 'ciba.account', key: id }], clock.now())).allowed
  }

  /** In the unit of work of the request that asks; the mail leaves with it. */
  function begin(person: AskedPerson, ask: NewAsk): void {
    const now = clock.now()
    const id = newId(now)
    const ping = ask.notificationToken && { authReqId: ask.code, token: ask.notificationToken }
    const written = insertRequest({
      id,
      kind: 'BackchannelAuthenticationRequest',
      idHash: hashSecret(ask.code),
      clientId: ask.clientId,
      accountId: person.id,
      ...(ping && { sealed: sealer.seal(JSON.stringify(ping), sealedPlace(id)) }),
      createdAt: now,
      expiresAt: fromSeconds(ask.exp),
    })
    // An address that nobody proved may be somebody else's
    const isTold = person.emailVerifiedAt !== null
    stage(currentUnit(), isTold ? outbox.mailWrite(mailTo(person, ask, now), written) : written)
  }

  const mailTo = ({ email, locale }: AskedPerson, { app, exp }: NewAsk, now: Date) =>
    ({
      to: email,
      language: locale ?? '',
      template: 'app_asks',
      values: { app, at: now.toISOString(), url: `${issuer}${askPage}` },
      expiresAt: fromSeconds(exp),
    }) as const

  async function hold(id: string, holder: Holder): Promise<HeldRequest | undefined> {
    const row = isId(id) ? await store.holdOwn(id, { ...holder, now: clock.now() }) : undefined
    return row && { ...row, ...holder }
  }

  /** For test benches, which decide in the person's place. */
  async function holdByCode(code: string): Promise<HeldRequest | undefined> {
    const asked = await store.findAsked(hashSecret(code))
    return asked && hold(asked.id, { sessionUid: 'test-bench', accountId: asked.accountId })
  }

  return {
    mayAsk,
    begin,
    hold,
    holdByCode,
    listFor: (accountId: string) => store.listOwn(accountId, clock.now()),
  }
}
