// Owns doing at once what requests ask for in the same turn of the event loop: under load one statement serves many
// of them, and a request that is alone does not wait for company.
import { AppError } from '../kernel/errors.ts'

type Caller<Input, Output> = {
  input: Input
  resolve: (output: Output) => void
  reject: (error: unknown) => void
}

/**
 * Answers the calls of a turn from one `run`, which gives one output for each input, in their order, and either does
 * all of it or nothing. What fails in company is tried again alone, so that no request suffers from another's values.
 */
export function gather<Input, Output>(
  run: (inputs: Input[]) => Promise<Output[]>,
  { most }: { most: number },
): (input: Input) => Promise<Output> {
  let waiting: Caller<Input, Output>[] = []

  async function answer(callers: Caller<Input, Output>[]): Promise<void> {
    try {
      const outputs = await run(callers.map(({ input }) => input))
      for (const [index, { resolve }] of callers.entries()) resolve(outputs[index] as Output)
    } catch (error) {
      // A database that is away is away for each of them
      const isHopeless = callers.length === 1 || error instanceof AppError
      for (const caller of callers) isHopeless ? caller.reject(error) : void answer([caller])
    }
  }

  function flush(): void {
    const callers = waiting
    waiting = []
    if (callers.length > 0) void answer(callers)
  }

  return (input) =>
    new Promise((resolve, reject) => {
      waiting.push({ input, resolve, reject })
      if (waiting.length === 1) setImmediate(flush)
      else if (waiting.length === most) flush()
    })
}
