// `npm run example:quest-api`: runs the API with a Python that has what it needs, or says what to install.
import { spawn } from 'node:child_process'
import { findPython } from './python.ts'

const { python, missing } = findPython()
if (python) run(python)
else {
  process.stderr.write(`The quest API cannot start: ${missing}\n`)
  process.exitCode = 1
}

function run(program: string): void {
  const child = spawn(program, ['-m', 'quest_api'], { cwd: import.meta.dirname, stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  child.on('exit', (code) => {
    process.exitCode = code ?? 1
  })
}
