// Owns how secrets rest in the database: sealed with AES-256-GCM under the key-encryption key, and where
// that key comes from. What is sealed, and under which `table.row.column`, is up to the stores.
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  hkdfSync,
  type KeyObject,
} from 'node:crypto'
import { link, mkdir, open, readFile, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { randomKey, randomToken } from '../kernel/secrets.ts'

export type Sealer = {
  /** The same value sealed twice differs. The aad names the place, `table.row.column`: elsewhere it stays shut. */
  seal(plaintext: Uint8Array | string, aad: string): Buffer
  open(sealed: Uint8Array, aad: string): Buffer
  /**
   * A key of 32 bytes for one purpose, the same on every node. A KeyObject, because an HMAC takes seven times as long
   * with the bytes of its key: it makes one of them each time.
   */
  derive(purpose: string): KeyObject
  /** How everything begins that the key in force sealed. */
  mark: Buffer
}

const version = 1
const keyIdBytes = 4
const nonceBytes = 12
const tagBytes = 16
const headerBytes = 1 + keyIdBytes
const overhead = headerBytes + nonceBytes + tagBytes
const keyBytes = 32

export type SealingKeys = {
  /** Seals, and opens what it sealed. */
  key: Buffer
  /** Opens only: the key before or after this one, while one takes the place of the other. */
  other?: Buffer | undefined
  /** What keys for one purpose are derived from; the key itself when there is none. */
  root?: Buffer | undefined
}

/** A key of its own, so that a value derived for another purpose tells nothing about this one. */
function sealingKeyOf(key: Buffer): { mark: Buffer; key: KeyObject } {
  if (key.length !== keyBytes) throw new TypeError('the key-encryption key must have 32 bytes')
  const keyId = createHash('sha256').update(key).digest().subarray(0, keyIdBytes)
  return {
    mark: Buffer.concat([Buffer.from([version]), keyId]),
    key: expand(key, 'seal'),
  }
}

const expand = (key: Buffer, purpose: string): KeyObject =>
  createSecretKey(Buffer.from(hkdfSync('sha256', key, '', `foyer:${purpose}`, keyBytes)))

/** Layout: version, 4 bytes of key id, nonce, ciphertext, tag. */
export function createSealer({ key, other, root = key }: SealingKeys): Sealer {
  const current = sealingKeyOf(key)
  const known = [current, ...(other ? [sealingKeyOf(other)] : [])]
  const derived = new Map<string, KeyObject>()

  function derive(purpose: string): KeyObject {
    const before = derived.get(purpose)
    if (before) return before
    const made = expand(root, purpose)
    derived.set(purpose, made)
    return made
  }

  function seal(plaintext: Uint8Array | string, aad: string): Buffer {
    const nonce = randomKey(nonceBytes)
    const cipher = createCipheriv('aes-256-gcm', current.key, nonce).setAAD(Buffer.from(aad))
    const body = cipher.update(typeof plaintext === 'string' ? Buffer.from(plaintext) : plaintext)
    return Buffer.concat([current.mark, nonce, body, cipher.final(), cipher.getAuthTag()])
  }

  function open(sealed: Uint8Array, aad: string): Buffer {
    const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)
    if (bytes.length < overhead) throw new Error(`${aad} cannot be unsealed: it is too short`)
    if (bytes[0] !== version) throw new Error(`${aad} cannot be unsealed: its format is unknown`)
    const mark = bytes.subarray(0, headerBytes)
    const sealing = known.find((each) => each.mark.equals(mark))
    if (!sealing) {
      throw new Error(`${aad} was sealed under another FOYER_KEY_ENCRYPTION_KEY: bring that key back`)
    }
    const nonce = bytes.subarray(headerBytes, headerBytes + nonceBytes)
    const decipher = createDecipheriv('aes-256-gcm', sealing.key, nonce)
      .setAAD(Buffer.from(aad))
      .setAuthTag(bytes.subarray(-tagBytes))
    const body = decipher.update(bytes.subarray(headerBytes + nonceBytes, -tagBytes))
    try {
      return Buffer.concat([body, decipher.final()])
    } catch {
      throw new Error(`${aad} cannot be unsealed: it was altered or moved`)
    }
  }

  return { seal, open, derive, mark: current.mark }
}

export type LoadedKey = {
  key: Buffer
  /** What an operator should hear about the key's file. */
  notes: string[]
}

/** The configured key, else the one in the data directory, made there when there is none yet. */
export async function loadKeyEncryptionKey({
  config,
}: {
  config: Pick<Config, 'keyEncryptionKey' | 'dataDir'>
}): Promise<LoadedKey> {
  if (config.keyEncryptionKey) return { key: config.keyEncryptionKey, notes: [] }
  const folder = join(config.dataDir, 'keys')
  const path = join(folder, 'key-encryption-key')
  try {
    const existing = await readKeyFile(path)
    if (existing) return existing
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await createKeyFile(path)
    const created = await readKeyFile(path)
    if (created) return created
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause
    throw refuse(path, `cannot be used (${reasonOf(cause)}): check who owns it and its mode`)
  }
  throw refuse(path, 'disappeared while Foyer started: start again')
}

async function readKeyFile(path: string): Promise<LoadedKey | undefined> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    if (reasonOf(cause) === 'ENOENT') return undefined
    throw cause
  })
  if (text === undefined) return undefined
  if (!/^[A-Za-z0-9+/]{43}=\s*$/.test(text)) {
    throw refuse(
      path,
      'does not hold 32 bytes in base64: restore it from a backup, for it seals the database',
    )
  }
  const { mode } = await stat(path)
  const open = process.platform !== 'win32' && (mode & 0o077) !== 0
  const notes = open ? [`${path} can be read by others than its owner: run chmod 600 on it`] : []
  return { key: Buffer.from(text.trim(), 'base64'), notes }
}

// Written in full beside its place and then linked there, which fails when another process was first:
// whoever starts at the same time reads one and the same key, and a crash leaves no half of one.
async function createKeyFile(path: string): Promise<void> {
  const draft = `${path}.${randomToken()}`
  const file = await open(draft, 'wx', 0o600)
  try {
    await file.writeFile(`${randomKey(keyBytes).toString('base64')}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  try {
    await link(draft, path)
  } catch (cause) {
    if (reasonOf(cause) !== 'EEXIST') throw cause
  } finally {
    await unlink(draft)
  }
}

const refuse = (path: string, text: string) =>
  new ConfigError([{ name: 'The key-encryption key', text: `in ${path} ${text}` }])

const reasonOf = (cause: unknown): string =>
  cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
