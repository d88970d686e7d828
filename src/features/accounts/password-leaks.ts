// Owns the question whether a password is known from leaks, asked so that the one who is asked never learns it.
import { createHash } from 'node:crypto'
import { sameHash } from '../../kernel/secrets.ts'
import type { Log } from '../../platform/log.ts'
import type { OutboundFetch } from '../../platform/outbound.ts'

const prefixLength = 5

/**
 * By k-anonymity, as Have I Been Pwned answers it: five hex digits of the SHA-1 go out, and the answer lists the rest
 * of all hashes that begin so. Where no answer comes the password is not refused: a service of others that is down
 * keeps nobody from signing up.
 */
export function createLeakedPasswords({
  url,
  ask,
  log,
}: {
  /** The five digits are appended to it. */
  url: string
  ask: OutboundFetch
  log: Pick<Log, 'warn'>
}): (password: string) => Promise<boolean> {
  return async (password) => {
    // SHA-1 because that is what the lists are keyed by; it protects nothing here
    const digest = createHash('sha1').update(password.normalize('NFC')).digest('hex').toUpperCase()
    const [prefix, rest] = [digest.slice(0, prefixLength), digest.slice(prefixLength)]
    try {
      // Padded, so that the length of the answer does not tell the prefix
      const { status, body } = await ask(`${url}${prefix}`, { headers: { 'add-padding': 'true' } })
      if (status !== 200) throw new Error(`it answered ${status}`)
      return body.split(/\r?\n/).some((line) => isListed(line, rest))
    } catch (err) {
      log.warn({ event: 'passwords.leaks_unknown', err }, 'whether a password was leaked could not be asked')
      return false
    }
  }
}

/** A line is the rest of a hash and how often it was found; padding was found no times. */
function isListed(line: string, rest: string): boolean {
  const [suffix = '', count = ''] = line.trim().split(':')
  return sameHash(Buffer.from(suffix.toUpperCase()), Buffer.from(rest)) && Number(count) > 0
}
