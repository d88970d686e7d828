// Owns which jobs there are and when the recurring ones are due. Inside the server, or in a worker of its own.
import type { RunningQueue } from './platform/queue.ts'
import type { Services } from './services.ts'

// Every minute, so that the tables stay as large as what is alive.
const crontab = '* * * * * sweep ?max=1&jobKey=sweep'

export function runJobs({ queue, artifacts, log }: Services): Promise<RunningQueue> {
  const tasks = {
    sweep: async () => {
      const deleted = await artifacts.sweep()
      if (deleted > 0) log.info({ event: 'artifacts.swept', deleted })
    },
  }
  return queue.run(tasks, crontab)
}
