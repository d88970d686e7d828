// Owns who is at the other end of each connection: a person of their own, at a network address of their own, as in
// life. Shared, they would queue for the rows of one account and of one limit, and that is what would be measured.

export type Visitor = { email: string; password: string; address: string }

export function visitor(number: number): Visitor {
  return {
    email: `person-${number}@example.test`,
    password: `bench-passphrase-of-${number}`,
    address: addressOf(number),
  }
}

/** RFC 2544 appendix C.2.2 sets 198.18.0.0/15 aside for benchmarks; a proxy would name it in X-Forwarded-For. */
export const addressOf = (number: number): string =>
  `198.${18 + ((number >> 16) & 1)}.${(number >> 8) & 0xff}.${number & 0xff}`
