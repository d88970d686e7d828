// Owns how a thing that is changed counts its versions: by the moment of its last change, which every change moves on.
import { preconditionFailed } from './errors.ts'
import { after } from './time.ts'

/** Later than the change before it, so that each has a version of its own. */
export const nextVersion = (before: Date, now: Date): Date => (now > before ? now : after(before, 1))

/** RFC 9110 §13.1.1, asked of a row that is locked: what is there must be one of those the change starts from. */
export function assertVersion(current: Date | undefined, expected: readonly Date[] | undefined): void {
  if (!expected) return
  const isOne = expected.some((version) => version.getTime() === current?.getTime())
  if (!isOne) throw preconditionFailed()
}
