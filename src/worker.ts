// The worker process: runs jobs beside servers that were started with FOYER_WORKER=none.
import { readEnvironment, sizeThreadPool } from './config/load.ts'
import { runJobs } from './jobs.ts'
import { openServices } from './services.ts'
import { onSignal } from './signals.ts'

sizeThreadPool()
const ending = onSignal()
const services = await openServices(readEnvironment(), { role: 'guest' })
const jobs = await runJobs(services)
await ending.asked
await jobs.stop()
await services.close()
process.exit(0)
