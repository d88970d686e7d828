// Sealed values, and where the key that seals them comes from.
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSealer, loadKeyEncryptionKey } from '../../src/platform/sealer.ts'

const key = Buffer.alloc(32, 1)
const place = 'signing_key.k1.private'

describe('the sealer', () => {
  it('opens what it sealed, under the same place', () => {
    const sealer = createSealer({ key })
    expect(sealer.open(sealer.seal('ünder seal', place), place).toString()).toBe('ünder seal')
    expect(createSealer({ key }).open(sealer.seal(Buffer.alloc(0), place), place)).toHaveLength(0)
  })

  it('seals the same value differently each time and shows nothing of it', () => {
    const sealer = createSealer({ key })
    const [one, two] = [sealer.seal('secret', place), sealer.seal('secret', place)]
    expect(one.equals(two)).toBe(false)
    expect(one.includes('secret')).toBe(false)
  })

  it('refuses another place', () => {
    const sealer = createSealer({ key })
    expect(() => sealer.open(sealer.seal('secret', place), 'signing_key.k2.private')).toThrow(
      'altered or moved',
    )
  })

  it('refuses every flipped bit and every cut', () => {
    const sealer = createSealer({ key })
    const sealed = sealer.seal('secret', place)
    for (let at = 0; at < sealed.length; at += 1) {
      const flipped = Buffer.from(sealed)
      flipped[at] = (flipped[at] ?? 0) ^ 1
      expect(() => sealer.open(flipped, place)).toThrow(place)
      expect(() => sealer.open(sealed.subarray(0, at), place)).toThrow(place)
    }
  })

  it('says that another key sealed it', () => {
    const sealed = createSealer({ key: Buffer.alloc(32, 2) }).seal('secret', place)
    expect(() => createSealer({ key }).open(sealed, place)).toThrow('another FOYER_KEY_ENCRYPTION_KEY')
  })

  it('opens what another key sealed that it is given, and seals under its own', () => {
    const old = createSealer({ key: Buffer.alloc(32, 2) })
    const both = createSealer({ key, other: Buffer.alloc(32, 2) })
    expect(both.open(old.seal('secret', place), place).toString()).toBe('secret')
    expect(createSealer({ key }).open(both.seal('secret', place), place).toString()).toBe('secret')
    expect(() => old.open(both.seal('secret', place), place)).toThrow('bring that key back')
  })

  it('derives from the root alone, whichever key seals', () => {
    const root = Buffer.alloc(32, 3)
    const one = createSealer({ key, root }).derive('cookies').export()
    expect(
      createSealer({ key: Buffer.alloc(32, 2), root })
        .derive('cookies')
        .export(),
    ).toEqual(one)
    expect(createSealer({ key }).derive('cookies').export()).not.toEqual(one)
  })

  it('derives one lasting value per purpose', () => {
    const one = createSealer({ key }).derive('cookies').export()
    expect(one).toHaveLength(32)
    expect(createSealer({ key }).derive('cookies').export()).toEqual(one)
    expect(createSealer({ key }).derive('refresh').export()).not.toEqual(one)
    expect(
      createSealer({ key: Buffer.alloc(32, 2) })
        .derive('cookies')
        .export(),
    ).not.toEqual(one)
  })
})

describe('the key-encryption key', () => {
  let dataDir = ''
  const path = () => join(dataDir, 'keys', 'key-encryption-key')
  const load = () => loadKeyEncryptionKey({ config: { dataDir, keyEncryptionKey: undefined } })

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'foyer key '))
  })
  afterEach(() => rm(dataDir, { recursive: true, force: true }))

  it('is the configured one when there is one, and then nothing is written', async () => {
    expect(await loadKeyEncryptionKey({ config: { dataDir, keyEncryptionKey: key } })).toEqual({
      key,
      notes: [],
    })
    await expect(stat(path())).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('is made once, for its owner only', async () => {
    const made = await load()
    expect(made.key).toHaveLength(32)
    expect(made.notes).toEqual([])
    expect((await stat(path())).mode & 0o777).toBe(0o600)
    expect((await stat(join(dataDir, 'keys'))).mode & 0o777).toBe(0o700)
    expect((await load()).key).toEqual(made.key)
  })

  it('is one and the same for all who start at once', async () => {
    const loaded = await Promise.all(Array.from({ length: 20 }, load))
    expect(new Set(loaded.map((each) => each.key.toString('hex'))).size).toBe(1)
  })

  it.each(['', 'too short\n', `${Buffer.alloc(31).toString('base64')}\n`])(
    'is not replaced when the file holds %j',
    async (text) => {
      await mkdir(join(dataDir, 'keys'))
      await writeFile(path(), text)
      await expect(load()).rejects.toThrow(path())
      expect(await readFile(path(), 'utf8')).toBe(text)
    },
  )

  it('is refused when it cannot be read', async () => {
    await mkdir(path(), { recursive: true })
    await expect(load()).rejects.toThrow('EISDIR')
  })

  it('comes with a note when others may read it', async () => {
    await load()
    await chmod(path(), 0o644)
    expect((await load()).notes).toEqual([expect.stringContaining('chmod 600')])
  })
})
