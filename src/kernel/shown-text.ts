// Owns what a text may hold that people will be shown: no control characters, none that turn its direction around, and
// no half of a character.
import { z } from 'zod'

const unsafe = /[\p{Cc}\p{Bidi_Control}\p{Cs}]/u

export const isShowable = (text: string): boolean => !unsafe.test(text)

/** Of one line, without the space around it. */
export const shownText = (longest: number) =>
  z.string().trim().min(1).max(longest).refine(isShowable, 'must not contain control characters')
