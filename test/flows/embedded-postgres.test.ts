import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createClock } from '../../src/kernel/time.ts'
import { createDb } from '../../src/platform/postgres.ts'
import {
  ask,
  asRoot,
  hold,
  isRunning,
  newDataDir,
  open,
  serversOf,
  within,
  workplace,
} from '../support/embedded-kit.ts'
import { silentLog } from '../support/postgres.ts'

const nobody = { uid: 65_534, gid: 65_534 }
const recoveryMs = 5_000

const openDb = (connection: Parameters<typeof createDb>[0]['connection']) => {
  const db = createDb({ connection, poolSize: 3, clock: createClock(), log: silentLog() })
  onTestFinished(() => db.close())
  return db
}

const keepNote = 'CREATE TABLE notes AS SELECT 42 AS answer'
const readNote = 'SELECT answer FROM notes'
const noted = [{ answer: 42 }]

function canMountTmpfs(): boolean {
  if (!asRoot || process.platform !== 'linux') return false
  const probe = '/tmp/foyer-mount-probe'
  try {
    mkdirSync(probe, { recursive: true })
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', probe], { stdio: 'ignore' })
    execFileSync('umount', [probe], { stdio: 'ignore' })
    return true
  } catch {
    return false
  } finally {
    rmSync(probe, { recursive: true, force: true })
  }
}

describe('the embedded PostgreSQL', () => {
  it('is made at the first start, listens on no network and waits for the disk', async () => {
    const { connection } = await open(newDataDir())
    const [settings] = await ask(
      connection,
      `SELECT current_setting('listen_addresses') AS listen, current_setting('fsync') AS fsync,
              current_setting('full_page_writes') AS pages, current_setting('synchronous_commit') AS commit,
              current_setting('server_encoding') AS encoding, version() LIKE 'PostgreSQL 18%' AS is18`,
    )
    expect(settings).toEqual({
      listen: '',
      fsync: 'on',
      pages: 'on',
      commit: 'on',
      encoding: 'UTF8',
      is18: true,
    })
    expect(statSync(String(connection.host)).mode & 0o777).toBe(0o700)
  })

  it('keeps its data across a restart, in a path with spaces and other letters', async () => {
    const dataDir = newDataDir('my identity provider', "Zoë's")
    const first = await open(dataDir)
    await ask(first.connection, keepNote)
    await first.stop()
    expect(first.pid()).toBeUndefined()

    const second = await open(dataDir)
    expect(await ask(second.connection, readNote)).toEqual(noted)
  })

  it('is started once by processes that begin at the same time', async () => {
    const dataDir = newDataDir()
    const holders = await Promise.all([
      hold(dataDir),
      hold(dataDir, { role: 'guest' }),
      hold(dataDir, { role: 'guest' }),
    ])
    expect(new Set(holders.map(({ serverPid }) => serverPid)).size).toBe(1)

    await Promise.all(holders.map((holder) => holder.end('SIGTERM')))
    expect(isRunning(holders[0].serverPid)).toBe(false)
  })

  it('is stopped by whoever is attached last', async () => {
    const dataDir = newDataDir()
    const server = await open(dataDir)
    const guest = await hold(dataDir, { role: 'guest' })
    expect(guest.serverPid).toBe(server.pid())

    await server.stop()
    expect(await ask(guest.connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    await guest.end('SIGTERM')
    expect(isRunning(guest.serverPid)).toBe(false)
  })

  it('lets a server join the database that a guest has started', async () => {
    const dataDir = newDataDir()
    const guest = await open(dataDir, { role: 'guest' })
    const server = await open(dataDir)
    expect(server.pid()).toBe(guest.pid())
  })

  it('refuses a second server on the same data directory and names the path', async () => {
    const dataDir = newDataDir()
    const first = await open(dataDir)
    await expect(hold(dataDir)).rejects.toThrow(`already running on the data directory ${dataDir}`)
    expect(await ask(first.connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  it('survives Ctrl-C, which a terminal sends to the whole process group', async () => {
    const holder = await hold(newDataDir())
    process.kill(-(holder.child.pid ?? 0), 'SIGINT')
    expect(await ask(holder.connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    await holder.end('SIGTERM')
    expect(isRunning(holder.serverPid)).toBe(false)
  })

  it('tells the version of data that it cannot read', async () => {
    const dataDir = newDataDir()
    await (await open(dataDir)).stop()
    writeFileSync(join(dataDir, 'postgres', 'PG_VERSION'), '17\n')
    await expect(open(dataDir)).rejects.toThrow('was made by PostgreSQL 17')
  })
})

describe('after a crash', () => {
  it('goes on with the running database when Foyer was killed', async () => {
    const dataDir = newDataDir()
    const killed = await hold(dataDir)
    await ask(killed.connection, keepNote)
    await killed.end('SIGKILL')
    expect(isRunning(killed.serverPid)).toBe(true)

    const next = await within(recoveryMs, () => open(dataDir))
    expect(next.pid()).toBe(killed.serverPid)
    expect(await ask(next.connection, readNote)).toEqual(noted)
  })

  it('brings the database back when PostgreSQL was killed, with everything it had acknowledged', async () => {
    const embedded = await open(newDataDir())
    const db = openDb(embedded.connection)
    await db.query({ text: keepNote, values: [] })
    const killed = embedded.pid() ?? 0
    process.kill(killed, 'SIGKILL')

    // A worker of the killed server may still answer: what counts is the new one
    await within(recoveryMs, async () => {
      expect([undefined, killed]).not.toContain(embedded.pid())
      expect(await db.query({ text: readNote, values: [] })).toEqual(noted)
    })
  })

  it.each([0, 40, 120])('leaves no server behind when Foyer stops %i ms later', async (pauseMs) => {
    const dataDir = newDataDir()
    const embedded = await open(dataDir)
    process.kill(embedded.pid() ?? 0, 'SIGKILL')
    await sleep(pauseMs)
    await embedded.stop()
    expect(serversOf(dataDir).filter((pid) => isRunning(Number(pid)))).toEqual([])
  })

  it('ends the workers that a killed PostgreSQL leaves busy', async () => {
    const embedded = await open(newDataDir())
    const busy = ask(embedded.connection, 'SELECT count(*) FROM generate_series(1, 1e12)').catch(
      () => 'ended',
    )
    await within(recoveryMs, async () => {
      const [row] = await ask<{ count: string }>(
        embedded.connection,
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%generate_series(1%' AND state = 'active'",
      )
      expect(Number(row?.count)).toBe(2)
    })
    process.kill(embedded.pid() ?? 0, 'SIGKILL')

    expect(await within(recoveryMs, () => ask(embedded.connection, 'SELECT 1 AS one'))).toEqual([{ one: 1 }])
    expect(await busy).toBe('ended')
  })

  it('brings the database back for a server and a guest at once', async () => {
    const dataDir = newDataDir()
    const server = await open(dataDir)
    const guest = await open(dataDir, { role: 'guest' })
    const killed = server.pid() ?? 0
    process.kill(killed, 'SIGKILL')

    await within(recoveryMs, () => expect([undefined, killed]).not.toContain(server.pid()))
    await within(recoveryMs, () => ask(server.connection, 'SELECT 1'))
    expect(guest.pid()).toBe(server.pid())
    await expect(hold(dataDir)).rejects.toThrow('already running')
  })

  it('is not fooled by a process id that somebody else has got since', async () => {
    const dataDir = newDataDir()
    const first = await open(dataDir)
    await ask(first.connection, keepNote)
    const pidFile = join(dataDir, 'postgres', 'postmaster.pid')
    const stale = readFileSync(pidFile, 'utf8')
    await first.stop()

    const stranger = spawn('sleep', ['60'], { stdio: 'ignore', ...(asRoot ? nobody : {}) })
    onTestFinished(() => void stranger.kill())
    await once(stranger, 'spawn')
    writeFileSync(pidFile, stale.replace(/^\d+/, String(stranger.pid)))

    const second = await open(dataDir)
    expect(await ask(second.connection, readNote)).toEqual(noted)
    expect(isRunning(stranger.pid ?? 0)).toBe(true)
  })

  it('begins anew when the first start was interrupted', async () => {
    const dataDir = newDataDir()
    const abandoned = join(dataDir, 'postgres.new-999999999-abcdef')
    mkdirSync(abandoned, { recursive: true })
    writeFileSync(join(abandoned, 'PG_VERSION'), '18\n')
    await open(dataDir)
    expect(existsSync(abandoned)).toBe(false)
  })
})

describe('a path too long for a Unix socket', () => {
  const longDataDir = () => newDataDir('a'.repeat(60), 'b'.repeat(60))

  it('gets its socket in a private temporary folder, which guests and later starts find', async () => {
    const dataDir = longDataDir()
    const server = await open(dataDir)
    const folder = String(server.connection.host)
    expect(folder.startsWith(dataDir)).toBe(false)
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))

    const guest = await hold(dataDir, { role: 'guest' })
    expect(guest.connection.host).toBe(folder)
    await guest.end('SIGTERM')

    process.kill(server.pid() ?? 0, 'SIGKILL')
    expect(await within(recoveryMs, () => ask(server.connection, 'SELECT 1 AS one'))).toEqual([{ one: 1 }])
    await server.stop()
    expect((await open(dataDir)).connection.host).toBe(folder)
  })
})

describe('the user that PostgreSQL runs as', () => {
  it.runIf(asRoot)('has no rights when Foyer is root, and may pass through the data directory', async () => {
    const dataDir = newDataDir()
    mkdirSync(dataDir, { mode: 0o700 })
    const embedded = await open(dataDir)
    expect(statSync(`/proc/${embedded.pid()}`).uid).toBe(nobody.uid)
    expect(statSync(dataDir).mode & 0o077).toBe(0o011)
  })

  it.runIf(asRoot)('is the owner of the data directory when that is not root', async () => {
    const dataDir = newDataDir()
    mkdirSync(dataDir)
    execFileSync('chown', ['daemon', dataDir])
    const embedded = await open(dataDir)
    expect(statSync(`/proc/${embedded.pid()}`).uid).toBe(statSync(dataDir).uid)
  })

  it.runIf(asRoot)('is told which folder is closed to it', async () => {
    const dataDir = newDataDir('home', 'somewhere')
    const closed = dirname(dirname(dataDir))
    chmodSync(closed, 0o700)
    await expect(open(dataDir)).rejects.toThrow(`${closed} is closed to others`)
  })

  it.runIf(asRoot)('is Foyer’s own when Foyer is not root', async () => {
    const folder = workplace()
    execFileSync('chown', [`${nobody.uid}:${nobody.gid}`, folder])
    const holder = await hold(join(folder, 'data'), nobody)
    expect(statSync(`/proc/${holder.serverPid}`).uid).toBe(nobody.uid)
    await holder.end('SIGTERM')
    expect(isRunning(holder.serverPid)).toBe(false)
  })

  it.runIf(asRoot)('is named when the data belong to another one', async () => {
    const folder = workplace()
    chmodSync(folder, 0o777)
    const dataDir = join(folder, 'data')
    await (await open(dataDir)).stop()
    execFileSync('chown', ['-R', 'daemon', dataDir])
    await expect(hold(dataDir, nobody)).rejects.toThrow('belongs to the user with the id 1')
  })
})

describe.runIf(canMountTmpfs())('a full disk', () => {
  const smallDisk = (megabytes: number) => {
    const folder = workplace()
    const disk = join(folder, 'disk')
    mkdirSync(disk)
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0755`, 'tmpfs', disk])
    onTestFinished(() => void execFileSync('umount', ['-l', disk]))
    return disk
  }

  it('is said at the first start, which leaves nothing half-made', async () => {
    const disk = smallDisk(20)
    const dataDir = join(disk, 'data')
    await expect(open(dataDir)).rejects.toThrow(`The disk that holds ${dataDir} is full`)
    expect(existsSync(join(dataDir, 'postgres'))).toBe(false)
  })

  it('is said at a later start, which succeeds when there is space again', async () => {
    const disk = smallDisk(120)
    const dataDir = join(disk, 'data')
    const first = await open(dataDir)
    await ask(first.connection, keepNote)
    await first.stop()

    const filler = join(disk, 'filler')
    try {
      writeFileSync(filler, Buffer.alloc(120 * 1024 * 1024))
    } catch {
      // Full, as it should be
    }
    await expect(open(dataDir)).rejects.toThrow('is full')
    rmSync(filler)
    expect(await ask((await open(dataDir)).connection, readNote)).toEqual(noted)
  })
})
