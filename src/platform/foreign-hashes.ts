// Owns password hashes that were made elsewhere: bcrypt, scrypt, PBKDF2 and Firebase's scrypt, recognised and compared.
// Each is compared until it fits once; then the password is hashed anew by passwords.ts, which knows argon2 itself.
import { createCipheriv, pbkdf2, scrypt } from 'node:crypto'
import { promisify } from 'node:util'
import { sameHash } from '../kernel/secrets.ts'

export type ForeignHash = { matches(password: Buffer): Promise<boolean> }

/** A stored hash may not ask for more work than this, whoever brought it along: some seconds of one core. */
const most = {
  bcryptRounds: 15,
  scryptBytes: 256 * 1024 * 1024,
  scryptLanes: 16,
  pbkdf2Iterations: 3_000_000,
} as const
const derivedBytes = { min: 16, max: 64 } as const
const longestHash = 1_000

const runPbkdf2 = promisify(pbkdf2)
type ScryptCosts = { N: number; r: number; p: number }
const runScrypt = promisify<Buffer, Buffer, number, ScryptCosts & { maxmem: number }, Buffer>(scrypt)

/** The hash that a stored text stands for, or undefined when it is none of these or asks for too much. */
export function readForeignHash(text: string): ForeignHash | undefined {
  if (text.length > longestHash) return undefined
  return readBcrypt(text) ?? readPbkdf2(text) ?? readScrypt(text) ?? readFirebase(text)
}

// Salt and hash end in characters whose spare bits are nought; with others set no password fits.
const bcryptShape = /^\$2[abxy]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]$/

/** `$2b$12$…`: 22 characters of salt, 31 of hash. */
function readBcrypt(text: string): ForeignHash | undefined {
  const found = bcryptShape.exec(text)
  const rounds = Number(found?.[1])
  if (!found || rounds < 4 || rounds > most.bcryptRounds) return undefined
  return {
    matches: async (password) => {
      const { compare } = await import('@node-rs/bcrypt')
      return compare(password, text)
    },
  }
}

const pbkdf2Shape =
  /^\$pbkdf2-(sha256|sha512)\$(?:i=(\d{1,8})(?:,l=(\d{1,3}))?|(\d{1,8}))\$([A-Za-z0-9+/._-]{2,200}={0,2})\$([A-Za-z0-9+/._-]{20,100}={0,2})$/

/** PHC, `$pbkdf2-sha256$i=…,l=32$salt$hash`, and passlib's, `$pbkdf2-sha256$29000$salt$hash`. */
function readPbkdf2(text: string): ForeignHash | undefined {
  const [, digest, listed, length, bare, salt, hash] = pbkdf2Shape.exec(text) ?? []
  if (digest === undefined || salt === undefined || hash === undefined) return undefined
  if (!areWhole(salt, hash)) return undefined
  const iterations = Number(listed ?? bare)
  const wanted = bytesOf(hash)
  if (iterations < 1 || iterations > most.pbkdf2Iterations || !isUsable(wanted, length)) return undefined
  return {
    matches: async (password) =>
      sameHash(await runPbkdf2(password, bytesOf(salt), iterations, wanted.length, digest), wanted),
  }
}

const scryptShape =
  /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/._-]{2,200}={0,2})\$([A-Za-z0-9+/._-]{20,100}={0,2})$/

/** PHC and passlib alike: `$scrypt$ln=16,r=8,p=1$salt$hash`. */
function readScrypt(text: string): ForeignHash | undefined {
  const [, ln, r, p, salt, hash] = scryptShape.exec(text) ?? []
  const costs = scryptCosts(ln, r, p)
  if (!costs || salt === undefined || hash === undefined || !areWhole(salt, hash)) return undefined
  const wanted = bytesOf(hash)
  if (!isUsable(wanted)) return undefined
  return {
    matches: async (password) =>
      sameHash(await runScrypt(password, bytesOf(salt), wanted.length, costs), wanted),
  }
}

const firebaseShape =
  /^\$firescrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]{2,200}={0,2})\$([A-Za-z0-9+/]{20,120}={0,2})\$([A-Za-z0-9+/]{0,40}={0,2})\$([A-Za-z0-9+/]{20,120}={0,2})$/

/**
 * Firebase's scrypt in one text, `$firescrypt$ln=14,r=8,p=1$salt$hash$saltSeparator$signerKey`: the derived key
 * encrypts the project's signer key, and that is the hash.
 */
function readFirebase(text: string): ForeignHash | undefined {
  const [, ln, r, p, salt, hash, separator = '', signerKey] = firebaseShape.exec(text) ?? []
  const costs = scryptCosts(ln, r, p)
  if (!costs || salt === undefined || hash === undefined || signerKey === undefined) return undefined
  if (!areWhole(salt, hash, separator, signerKey)) return undefined
  const wanted = bytesOf(hash)
  const whole = Buffer.concat([bytesOf(salt), bytesOf(separator)])
  return {
    matches: async (password) => {
      const key = await runScrypt(password, whole, 32, costs)
      // The counter begins at nought: each key is used for this one text only
      const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16))
      return sameHash(Buffer.concat([cipher.update(bytesOf(signerKey)), cipher.final()]), wanted)
    },
  }
}

function scryptCosts(ln?: string, r?: string, p?: string): (ScryptCosts & { maxmem: number }) | undefined {
  const costs = { N: 2 ** Number(ln), r: Number(r), p: Number(p) }
  const bytes = 128 * costs.N * costs.r
  const isSound = costs.N >= 2 && costs.r >= 1 && costs.p >= 1
  if (!isSound || bytes > most.scryptBytes || costs.p > most.scryptLanes) return undefined
  if (bytes * costs.p > 2 * most.scryptBytes) return undefined
  return { ...costs, maxmem: bytes + 128 * costs.r * costs.p + 1024 * 1024 }
}

const isUsable = (hash: Buffer, length?: string): boolean =>
  hash.length >= derivedBytes.min &&
  hash.length <= derivedBytes.max &&
  (length === undefined || Number(length) === hash.length)

/** One character over is no byte: such a text was cut short. */
const areWhole = (...texts: string[]): boolean =>
  texts.every((text) => text.replace(/=+$/, '').length % 4 !== 1)

/** Base64 in any of its alphabets; passlib writes a dot for the plus. */
const bytesOf = (text: string): Buffer => Buffer.from(text.replaceAll('.', '+'), 'base64')
