// Preloaded into Foyer for the scenario that leaves the password hash out: argon2id takes several times the rest of
// a sign-in, and the library alone hashes nothing. What stands in for it here protects nobody.
import { registerHooks } from 'node:module'

const standIn = new URL('./hash-stand-in.ts', import.meta.url).href

registerHooks({
  resolve(specifier, context, nextResolve) {
    if (/\/hash-threads\.[jt]s$/.test(specifier)) return { url: standIn, shortCircuit: true }
    return nextResolve(specifier, context)
  },
})
