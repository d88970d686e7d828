// Owns the few statistics there are.

/** The mean of the middle two when their number is even. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const [low = Number.NaN, high = Number.NaN] = [sorted[middle - 1], sorted[middle]]
  return sorted.length % 2 === 1 ? high : (low + high) / 2
}

/** The smallest value that no more than the given share of all exceed; `sorted` ascends. */
export const quantile = (sorted: ArrayLike<number>, share: number): number =>
  sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN

/** Of pairs from the same round, since a noisy machine is noisy for neighbours alike. */
export function medianRatio(
  of: readonly number[] | undefined,
  to: readonly number[] | undefined,
): number | undefined {
  const pairs = (of ?? []).flatMap((value, round) => {
    const against = to?.[round]
    return against === undefined ? [] : [value / against]
  })
  return pairs.length === 0 ? undefined : median(pairs)
}
