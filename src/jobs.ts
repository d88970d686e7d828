// Owns which jobs there are and when the recurring ones are due. Inside the server, or in a worker of its own.
import { reuseNoticeTask } from './features/authn/reuse-notice.ts'
import { createPing, pingTask } from './features/crossdevice/ping.ts'
import { createCrossDeviceStore } from './features/crossdevice/store.ts'
import { mailTask } from './features/outbox/service.ts'
import { webhookTask } from './features/webhooks/schema.ts'
import { logoutTask } from './oidc/back-channel-logout.ts'
import { startLoop } from './platform/loop.ts'
import type { RunningQueue } from './platform/queue.ts'
import type { Services } from './services.ts'

// Every minute, so that the tables stay as large as what is alive.
const crontab = '* * * * * sweep ?max=1&jobKey=sweep'
/** Whoever listens to live events waits so long at most, and a fact is outside the chain for so long. */
const sealEveryMs = 250

/** How apps are told that somebody has decided. */
const pingOfServices = ({ db, sealer, clientCache, outbound }: Services) =>
  createPing({
    store: createCrossDeviceStore(db),
    sealer,
    endpointOf: async (id) => (await clientCache.find(id))?.metadata.backchannel_client_notification_endpoint,
    call: outbound,
  })

export async function runJobs(services: Services): Promise<RunningQueue> {
  const {
    db,
    queue,
    sealing,
    auditRetention,
    artifacts,
    outbox,
    reuseNotice,
    clientDocuments,
    deletion,
    invitations,
    joinCodes,
    keyRotation,
    webhookDeliveries,
    webhookSending,
    backChannelLogout,
    log,
  } = services
  const tasks = {
    sweep: async () => {
      const deleted = await artifacts.sweep()
      if (deleted > 0) log.info({ event: 'artifacts.swept', deleted })
      for (const task of [mailTask, reuseNoticeTask, webhookTask, logoutTask, pingTask])
        await queue.discardDead(task)
      await invitations.sweep()
      await joinCodes.sweep()
      await clientDocuments.sweep()
      await webhookDeliveries.sweep()
      const erased = await deletion.eraseDue()
      if (erased > 0) log.info({ event: 'accounts.erased', erased })
      const { rotated, dropped } = await keyRotation.keepSchedule()
      if (rotated.length + dropped.length > 0) log.info({ event: 'keys.kept', rotated, dropped })
      const parts = await auditRetention.keep()
      if (parts.length > 0) log.info({ event: 'audit.dropped', parts })
    },
    [mailTask]: outbox.task,
    [webhookTask]: webhookSending.task,
    [logoutTask]: backChannelLogout.task,
    [reuseNoticeTask]: reuseNotice.task,
    [pingTask]: pingOfServices(services).task,
  }
  const running = await queue.run(tasks, crontab)
  const seals = startLoop(() => db.unhurried(sealing.sealAll), { name: 'seal', everyMs: sealEveryMs, log })
  return {
    async stop() {
      await running.stop()
      await seals.stop()
      await webhookSending.stop()
      await backChannelLogout.stop()
    },
  }
}
