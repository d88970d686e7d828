// Owns a map that is bounded by what its values weigh, not by how many there are: what strangers may bring into memory
// is bounded by its size. The entry that was set longest ago goes first.

export type WeighedMap<Value> = {
  get(key: string): Value | undefined
  set(key: string, value: Value): void
}

export function createWeighedMap<Value>({
  most,
  weigh,
}: {
  most: number
  weigh: (key: string, value: Value) => number
}): WeighedMap<Value> {
  const entries = new Map<string, { value: Value; weight: number }>()
  let total = 0

  function remove(key: string): void {
    total -= entries.get(key)?.weight ?? 0
    entries.delete(key)
  }

  function set(key: string, value: Value): void {
    const weight = weigh(key, value)
    remove(key)
    if (weight > most) return
    entries.set(key, { value, weight })
    total += weight
    for (const [oldest] of entries) {
      if (total <= most) return
      remove(oldest)
    }
  }

  return { get: (key) => entries.get(key)?.value, set }
}
