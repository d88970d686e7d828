// Owns as whom the embedded PostgreSQL runs: it refuses root, so root hands it to somebody without rights.
import { chmodSync, chownSync, existsSync, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/** Absent: as whoever runs Foyer. */
export type ServerUser = { uid: number; gid: number } | undefined

function nobody(): { uid: number; gid: number } {
  const entry = existsSync('/etc/passwd')
    ? /^nobody:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'))
    : null
  return { uid: Number(entry?.[1] ?? 65_534), gid: Number(entry?.[2] ?? 65_534) }
}

const ownerOf = (path: string) => {
  const { uid, gid } = statSync(path)
  return { uid, gid }
}

/** Whoever owns an existing cluster, else the owner of the data directory, else nobody. */
export function serverUser({ dataDir, cluster }: { dataDir: string; cluster: string }): ServerUser {
  const self = process.getuid?.() ?? 0
  const owner = existsSync(cluster) ? ownerOf(cluster) : ownerOf(dataDir)
  if (self !== 0) {
    if (owner.uid === self || !existsSync(cluster)) return undefined
    throw new Error(
      `${cluster} belongs to the user with the id ${owner.uid}, so Foyer cannot run its database. Start Foyer as ` +
        'root again, or give the folder to yourself with chown -R.',
    )
  }
  return owner.uid === 0 ? nobody() : owner
}

export function handOver(path: string, user: ServerUser): void {
  if (user) chownSync(path, user.uid, user.gid)
}

function mayTraverse(path: string, { uid, gid }: { uid: number; gid: number }): boolean {
  const { mode, uid: owner, gid: group } = statSync(path)
  if (owner === uid) return (mode & 0o100) !== 0
  return (mode & (group === gid ? 0o010 : 0o001)) !== 0
}

/** Names the closed folder on the way to a path, rather than letting PostgreSQL fail on something inside. */
export function assertReachable(path: string, user: ServerUser): void {
  if (!user) return
  for (let folder = path; ; folder = dirname(folder)) {
    if (!mayTraverse(folder, user)) {
      throw new Error(
        `Started as root, Foyer runs its database as the user with the id ${user.uid}, and ${folder} is closed to ` +
          `others. Open it with \`chmod o+x ${folder}\`, move Foyer to another folder, start it as another user, ` +
          'or set DATABASE_URL.',
      )
    }
    if (folder === dirname(folder)) return
  }
}

/** The data directory itself is ours to open: passing through shows nobody what is inside. */
export function openForPassage(dataDir: string, user: ServerUser): void {
  if (!user || mayTraverse(dataDir, user)) return
  chmodSync(dataDir, (statSync(dataDir).mode & 0o7777) | 0o011)
}
