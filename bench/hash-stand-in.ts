// Speaks like @node-rs/argon2 and does no work: every password fits every hash.

/** Of the shape and cost that Foyer asks for, so that none is made anew at a sign-in. */
export const hashSync = (): string => `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`

export const verifySync = (): boolean => true
