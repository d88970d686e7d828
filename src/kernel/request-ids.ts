// Owns the ids of requests: made for each one, so they should cost next to nothing.
import { randomUUID } from 'node:crypto'
import type { Clock } from './time.ts'

const countersPerDraw = 0x1000

/**
 * UUIDv7 with a counter (RFC 9562 §6.2, method 1): chance is drawn once a millisecond, and again when the counter is
 * through, so that two processes never meet. They name requests and protect nothing: the next one can be guessed.
 */
export function createRequestIds(clock: Pick<Clock, 'millis'>): () => string {
  let drawnAt = -1
  let counter = countersPerDraw
  let before = ''
  let behind = ''

  function draw(now: number): void {
    const time = now.toString(16).padStart(12, '0')
    before = `${time.slice(0, 8)}-${time.slice(8)}-7`
    behind = randomUUID().slice(18)
    drawnAt = now
    counter = 0
  }

  return () => {
    const now = Math.floor(clock.millis())
    if (now !== drawnAt || counter === countersPerDraw) draw(now)
    const place = counter.toString(16).padStart(3, '0')
    counter += 1
    return before + place + behind
  }
}
