// Owns what a group of commands is handed when it is registered.
import type { Output } from './output.ts'
import type { CliEnvironment, CliServices } from './services.ts'

export type Context = {
  environment: CliEnvironment
  output: () => Output
  withServices: (work: (services: CliServices, issuer: string) => Promise<void>) => Promise<void>
}

/** A command has said by itself why it did not do everything; what is left is the exit code. */
export class Unsuccessful extends Error {}
