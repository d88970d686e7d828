// A thread that computes argon2id, one hash after another in the order in which they were handed over. Started by
// hash-threads.ts. Whatever else the process does goes first where both want the same core: a token is late by a
// millisecond what a hash is late by ten.
import { getPriority, setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import { hashSync, verifySync } from '@node-rs/argon2'
import { stopwatch } from '../kernel/time.ts'
import type { HashAnswer, HashTask } from './hash-threads.ts'

const steps = 10
/** Linux's lowest. */
const lowest = 19

// Elsewhere the priority is that of the whole process.
if (process.platform === 'linux') setPriority(Math.min(lowest, getPriority() + steps))

function compute(task: HashTask): HashAnswer {
  const { id, options } = task
  const password = Buffer.from(task.password)
  const elapsed = stopwatch()
  try {
    const value = task.phc === undefined ? hashSync(password, options) : verifySync(task.phc, password)
    return { id, value, seconds: elapsed() }
  } catch (error) {
    return { id, failure: String(error), seconds: elapsed() }
  }
}

parentPort?.on('message', (task: HashTask) => parentPort?.postMessage(compute(task)))
parentPort?.postMessage('ready')
