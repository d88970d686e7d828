// Owns the commands about the audit log.
import { type Command, InvalidArgumentError } from 'commander'
import type { Link } from '../features/audit/chain-policy.ts'
import type { Damage } from '../features/audit/verification-service.ts'
import type { Output } from './output.ts'
import type { CliServices } from './services.ts'

type Context = {
  output: () => Output
  withServices: (work: (services: CliServices) => Promise<void>) => Promise<void>
}

export function addAuditCommands(audit: Command, { output, withServices }: Context): void {
  audit
    .command('verify')
    .description('find what was changed in the audit log; prints the head of its chain, to be kept elsewhere')
    .option('--head <place>', 'a head that was kept: the log must still hold it', readPlace)
    .action(({ head }: { head?: Link }) => withServices((services) => verify(services, output(), head)))
}

/** `SEQ:HASH`, as it is printed. */
function readPlace(text: string): Link {
  const [, seq, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? []
  if (seq === undefined || hash === undefined)
    throw new InvalidArgumentError('It must be as `audit verify` printed it.')
  return { seq: Number(seq), hash: Buffer.from(hash, 'hex') }
}

const placeOf = ({ seq, hash }: Link): string => `${seq}:${hash.toString('hex')}`

async function verify(
  { auditChain }: Pick<CliServices, 'auditChain'>,
  output: Output,
  kept: Link | undefined,
): Promise<void> {
  const { sealed, unsealed, head, damage, keptSince, isHeadCompared } = await auditChain.verify(kept)
  const told = {
    ok: !damage,
    sealed,
    unsealed,
    head: placeOf(head),
    head_compared: isHeadCompared,
    kept_since: keptSince.getTime() === 0 ? null : keptSince.toISOString(),
    bad: damage ? { ...damage, at: damage.at?.toISOString() ?? null } : null,
  }
  output.data(told, told.head)
  if (damage) throw new Error(sentenceOf(damage))
  const rest = unsealed > 0 ? `; ${unsealed} are not sealed yet, and nothing proves them` : ''
  output.say(
    `${sealed} facts are as they were sealed${rest}. Keep the head where this database cannot reach.`,
  )
  if (told.kept_since) output.say(`Facts before ${told.kept_since} were dropped when their time was over.`)
  if (kept && !isHeadCompared) output.say('The head that was given is older than that, and was not compared.')
}

const sentences = {
  changed: 'is not what was sealed there',
  missing: 'is gone',
  gap: 'is gone with its seal',
  foreign: 'was put in: no seal names it, or it is of a time that was dropped',
  cut_off: 'is gone: the chain ends before the head that was kept',
  other_chain: 'is not the one whose head was kept: the chain was made anew',
} as const satisfies Record<Damage['what'], string>

function sentenceOf({ what, seq, id, at }: Damage): string {
  const names = [seq !== null && `${seq} of the chain`, id, at && `of ${at.toISOString()}`]
  return `The audit log was tampered with: fact ${names.filter(Boolean).join(', ')} ${sentences[what]}.`
}
