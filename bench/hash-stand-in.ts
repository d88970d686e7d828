// Speaks like src/platform/hash-threads.ts and does no work: every password fits every hash.

/** Of the shape and cost that Foyer asks for, so that none is made anew at a sign-in. */
const hash = `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`

export const openHashThreads = async () => ({ ahead: 0, hash: async () => hash, verify: async () => true })
