// Owns how the version of a thing is told and asked for (RFC 9110 §8.8.3, §13.1.1): the moment of its last change,
// which every change moves on. Whether it is still that version is decided by the statement that changes it.
import { preconditionFailed } from '../kernel/errors.ts'

export const etagOf = (version: Date): string => `"${version.getTime().toString(36)}"`

const tag = /^"([0-9a-z]{1,11})"$/

/**
 * The versions an update may start from; nothing when any will do. A weak or foreign tag never matches, and neither
 * does any where the change cannot heed it: passing over the condition would be worse.
 */
export function expectedBy(ifMatch: string, { versioned }: { versioned?: boolean }): Date[] | undefined {
  if (ifMatch === '' || ifMatch.trim() === '*') return undefined
  if (!versioned) throw preconditionFailed()
  const millis = ifMatch
    .split(',')
    .map((text) => Number.parseInt(tag.exec(text.trim())?.[1] ?? '', 36))
    .filter((value) => Number.isSafeInteger(value) && value <= 8.64e15)
  if (millis.length === 0) throw preconditionFailed()
  return millis.map((value) => new Date(value))
}
