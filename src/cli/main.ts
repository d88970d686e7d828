#!/usr/bin/env node
// The command line: one command, its exit code.
import { createEnvironment } from './environment.ts'
import { runCli } from './program.ts'

process.exitCode = await runCli(process.argv.slice(2), createEnvironment())
