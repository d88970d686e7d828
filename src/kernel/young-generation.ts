// Owns how V8's young generation grows. While modules are loaded everything survives, so it would double again and
// again for garbage that comes once, and V8 gives none of it back. See ADR 0022.
import { setFlagsFromString } from 'node:v8'

/** V8's own factor. */
const usualGrowth = 2

const growBy = (factor: number): void => setFlagsFromString(`--semi-space-growth-factor=${factor}`)

/** Before the modules of a process are loaded. */
export const keepYoungSmall = (): void => growBy(1)

/** Once it has started: under load it grows as it always did. */
export const letYoungGrow = (): void => growBy(usualGrowth)
