import { defineConfig } from 'vitest/config'

// `fast` is what a commit waits for; the others start the product and take minutes.
const suite = (name: string, include: string[], options: { timeout: number; serial?: boolean }) => ({
  test: {
    name,
    include,
    testTimeout: options.timeout,
    hookTimeout: options.timeout,
    // A busy machine may take its time; what never comes still fails
    expect: { poll: { timeout: 10_000 } },
    // As many files as cores: by default vitest keeps one core to itself, which of two is half the machine
    ...(options.serial ? { fileParallelism: false } : { maxWorkers: '100%' }),
  },
})

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-postgres.ts'],
    projects: [
      suite('fast', ['test/fast/**/*.test.ts', 'test/architecture.test.ts'], { timeout: 20_000 }),
      suite('flows', ['test/flows/**/*.test.ts', 'test/contracts/**/*.test.ts'], { timeout: 60_000 }),
      suite('races', ['test/races/**/*.test.ts'], { timeout: 240_000 }),
      suite('faults', ['test/faults/**/*.test.ts'], { timeout: 240_000, serial: true }),
      suite('ui', ['test/ui/**/*.test.ts'], { timeout: 90_000 }),
      suite('examples', ['test/examples/**/*.test.ts'], { timeout: 90_000 }),
    ],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['src/generated/**'],
      reporter: ['text-summary', 'json-summary'],
    },
  },
})
