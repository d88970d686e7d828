// Pins what Foyer changes in oidc-provider and what it counts on there: an upgrade that moves one of these seams
// fails here, not at somebody's token endpoint.
import { generateKeyPairSync } from 'node:crypto'
import { Provider } from 'oidc-provider'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deriveSuccessor } from '../../src/features/artifacts/refresh.ts'
import { inUnit, newUnit, rowOf } from '../../src/features/artifacts/unit-of-work.ts'
import { hashSecret, randomToken } from '../../src/kernel/secrets.ts'
import { overridePrototypes } from '../../src/oidc/overrides.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { basic, createRp, demoWeb } from '../support/rp.ts'

let app: TestApp

beforeAll(async () => {
  app = await startApp()
})

afterAll(() => app.close())

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })

/** Nothing of the defaults that it warns of. */
const newProvider = () =>
  new Provider('http://localhost:1', {
    adapter: class {
      find = async () => undefined
    } as never,
    features: { devInteractions: { enabled: false } },
    jwks: { keys: [privateKey.export({ format: 'jwk' }) as never] },
  })

type Generates = Partial<
  Record<'generateTokenId' | 'compareClientSecret' | 'backchannelLogout' | 'includeSid', unknown>
>
const own = (prototype: Generates, name: keyof Generates) => Object.hasOwn(prototype, name)

describe('the seams in oidc-provider', () => {
  it('are where they were', () => {
    const provider = newProvider()
    expect(own(provider.Client.prototype, 'compareClientSecret')).toBe(true)
    for (const name of ['backchannelLogout', 'includeSid'] as const)
      expect(own(provider.Client.prototype, name)).toBe(true)
    expect(typeof (provider.RefreshToken.prototype as Generates).generateTokenId).toBe('function')
  })

  it('are changed for one provider only, so that a swap of keys changes nothing under way', () => {
    const [changed, other] = [newProvider(), newProvider()]
    const before = other.Client.prototype.compareClientSecret
    overridePrototypes(changed, { successor: () => undefined })
    expect(other.Client.prototype.compareClientSecret).toBe(before)
    expect(changed.Client.prototype.compareClientSecret).not.toBe(before)
  })
})

describe('the end of a session', () => {
  it('calls no client within the request of a person', async () => {
    const provider = newProvider()
    overridePrototypes(provider, { successor: () => undefined })
    // With oidc-provider's own, this would throw: there is no address to call
    const client = Object.create(provider.Client.prototype) as { backchannelLogout(): Promise<unknown> }
    expect(await client.backchannelLogout()).toBeUndefined()
  })
})

describe('client secrets', () => {
  const ask = (secret: string) =>
    fetch(`${app.issuer}/oauth2/token`, {
      method: 'POST',
      headers: { authorization: basic('demo-machine', secret) },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    })

  it('rest as hashes, and the hash is no secret', async () => {
    expect((await ask('demo-machine-secret')).status).toBe(200)
    const [row] = await app.services.db.prisma.clientSecret.findMany({ where: { clientId: 'demo-machine' } })
    const hash = Buffer.from(row?.hash ?? [])
    expect(hash).toEqual(Buffer.from(hashSecret('demo-machine-secret')))
    for (const wrong of [
      'demo-machine-secre',
      'x',
      ...(['hex', 'base64', 'base64url'] as const).map((as) => hash.toString(as)),
    ]) {
      expect((await ask(wrong)).status, wrong).toBe(401)
    }
  })

  it('compare to false for a client that has none', () => {
    const provider = newProvider()
    overridePrototypes(provider, { successor: () => undefined })
    const compare = provider.Client.prototype.compareClientSecret
    expect(Reflect.apply(compare, { clientSecret: 'x' }, ['x'])).toBe(false)
    expect(Reflect.apply(compare, { secret_hashes: [] }, [''])).toBe(false)
    const two = ['old', 'new'].map((secret) => hashSecret(secret).toString('base64'))
    expect(
      ['old', 'new', 'older'].map((secret) => Reflect.apply(compare, { secret_hashes: two }, [secret])),
    ).toEqual([true, true, false])
  })
})

describe('clients', () => {
  const registered = { client_id: 'app', client_secret: 'x', redirect_uris: ['https://app.example/cb'] }

  async function finding(find: (id: string) => Promise<object | undefined>) {
    const provider = new Provider('http://localhost:1', {
      adapter: (() => ({ find })) as never,
      features: { devInteractions: { enabled: false } },
      jwks: { keys: [privateKey.export({ format: 'jwk' }) as never] },
    })
    overridePrototypes(provider, { successor: () => undefined })
    return [await provider.Client.find('app'), await provider.Client.find('app')]
  }

  it('are built once from the same metadata', async () => {
    const [first, second] = await finding(async () => registered)
    expect(first?.clientId).toBe('app')
    expect(second).toBe(first)
  })

  it('are built anew from others', async () => {
    let name = 0
    const [first, second] = await finding(async () => ({ ...registered, client_name: `${name++}` }))
    expect([first?.clientName, second?.clientName]).toEqual(['0', '1'])
  })

  it('are not there when nothing is registered', async () => {
    expect(await finding(async () => undefined)).toEqual([undefined, undefined])
  })
})

describe('refresh tokens', () => {
  it('are succeeded by the one derived from family and parent', async () => {
    const rp = createRp(app.issuer, demoWeb)
    const { refresh_token: parent = '' } = await rp.tokens()
    const { body } = await rp.refresh(parent)
    const row = await app.services.db.prisma.refreshToken.findUniqueOrThrow({
      where: { idHash: new Uint8Array(hashSecret(parent)) },
    })
    const key = app.services.sealer.derive('refresh-successor')
    expect(body.refresh_token).toBe(deriveSuccessor(key, row.familyId, parent))
    expect(Buffer.from(row.replacedBy ?? [])).toEqual(Buffer.from(hashSecret(body.refresh_token ?? '')))
  })

  it('of a new family are random', async () => {
    const rp = createRp(app.issuer, demoWeb)
    const { person, refresh_token: first } = await rp.tokens()
    const { refresh_token: second } = await rp.tokens({ person })
    expect(first).not.toBe(second)
  })
})

describe('consuming', () => {
  const code = (grantId: string) => ({
    kind: 'AuthorizationCode',
    grantId,
    exp: Math.ceil(Date.now() / 1000) + 60,
  })

  it('is decided at the commit: of units that read a code unspent one writes, the others end the grant and one tells', async () => {
    const { artifacts, db } = app.services
    const [id, grantId] = [randomToken(), randomToken()]
    const { id: accountId } = await db.prisma.account.findFirstOrThrow({ select: { id: true } })
    await artifacts.run({}, async () => {
      artifacts.save('Grant', grantId, { ...code(grantId), kind: 'Grant', accountId, clientId: 'demo-web' })
      artifacts.save('AuthorizationCode', id, code(grantId))
    })

    const units = [newUnit(), newUnit(), newUnit()]
    for (const unit of units) {
      await inUnit(unit, async () => {
        expect(await artifacts.find('AuthorizationCode', id)).toMatchObject({ grantId })
        artifacts.consume('AuthorizationCode', id)
        artifacts.save('AccessToken', randomToken(), { ...code(grantId), kind: 'AccessToken' })
      })
    }
    const outcomes = await Promise.all(
      units.map((unit) => inUnit(unit, () => artifacts.commit(unit, { refused: false }))),
    )
    expect(outcomes.sort()).toEqual(['committed', 'reused', 'reused'])
    expect(await db.prisma.grant.count({ where: { id: grantId } })).toBe(0)
    expect(await db.prisma.artifact.count({ where: { kind: 'AccessToken', grantId } })).toBe(1)
    expect(await db.prisma.auditEvent.count({ where: { type: 'token.reuse_detected' } })).toBe(1)
  })

  it('is taken back when the handler refuses, and the code stays good', async () => {
    const { artifacts } = app.services
    const id = randomToken()
    await artifacts.run({}, async () => artifacts.save('AuthorizationCode', id, code(randomToken())))
    const unit = newUnit()
    await inUnit(unit, async () => {
      await artifacts.find('AuthorizationCode', id)
      artifacts.consume('AuthorizationCode', id)
      await artifacts.commit(unit, { refused: true })
    })
    const after = newUnit()
    await inUnit(after, () => artifacts.find('AuthorizationCode', id))
    const kept = rowOf(after, 'AuthorizationCode', id)?.payload
    expect(kept).toMatchObject({ jti: id })
    expect(kept?.consumed).toBeUndefined()
  })
})
