// Owns the names of what can happen. The same names appear in the audit log and the metrics;
// docs/events.md is generated from this list.

export const eventTypes = {
  'account.created': 'An account was made.',
  'account.password_set': 'A password was set or changed.',
  'account.registered': 'A person signed up.',
  'account.updated': 'A profile was changed.',
  'account.email_verified': 'A person proved their address.',
  'account.email_changed': 'A person moved to another address.',
  'account.password_changed': 'A person changed their password, knowing the one before.',
  'account.password_removed': 'A password was taken off an account.',
  'account.recovered': 'A person chose a new password by a mailed code or link; sessions and tokens ended.',
  'account.deleted': 'An account was marked for deletion; its tokens and sessions ended.',
  'account.restored': 'A deletion was undone.',
  'account.erased': 'What a deleted account held was erased.',
  'account.imported': 'An account was brought along from another system.',
  'account.disabled': 'An account was disabled; its tokens and sessions ended.',
  'account.enabled': 'A disabled account was enabled again.',
  'account.unlocked': 'A password that had been turned off after too many failures counts again.',
  'authn.succeeded': 'A person signed in.',
  'authn.failed': 'A sign-in was refused.',
  'authn.code_failed': 'A mailed code was wrong.',
  'authn.new_device': 'A person signed in on a device that was new to them.',
  'authn.limited': 'A sign-in was refused because too many had failed.',
  'consent.granted': 'A person let a client have what it asked for.',
  'consent.denied': 'A person refused a client.',
  'session.ended': 'A person signed out, or ended a session elsewhere.',
  'logout.delivered': 'A client was told that a session in which it took part has ended.',
  'logout.failed': 'A client could not be told that a session ended, however often it was tried.',
  'grant.revoked': 'A person took back what they had let a client have.',
  'mail.requested': 'A mail with a code, a link or a notice was handed to the outbox.',
  'mail.withheld': 'A mail was not sent, because its address had had enough of them.',
  'token.reuse_detected': 'A spent refresh token or code was presented again; everything it gave was ended.',
  'token.asserted': 'A workload became a client by an assertion of its platform.',
  'token.exchanged': 'A client traded the token of a person for one of another API, and acts for them there.',
  'token.revoked': 'A client revoked a token.',
  'client.created': 'A client was registered.',
  'client.updated': 'A client was changed.',
  'client.disabled': 'A client was disabled: until it is enabled, what it holds is worth nothing.',
  'client.enabled': 'A disabled client was enabled again.',
  'client.deleted': 'A client was removed.',
  'client.access_refused': 'A person signed in to a client that is not for them.',
  'client.secret_rotated': 'A client got a new secret.',
  'api.saved': 'An API was registered or changed.',
  'api.deleted': 'An API was removed, with what clients could ask for there.',
  'api.client_allowed': 'A client was told what it may ask for at an API.',
  'team.created': 'A team was made.',
  'team.updated': 'A team was renamed, described, or got another short name.',
  'team.deleted': 'A team was deleted, or went with its last member.',
  'team.member_added': 'Somebody joined a team.',
  'team.member_removed': 'Somebody was taken off a team.',
  'team.member_left': 'Somebody left a team.',
  'team.member_role_changed': 'A member of a team got another role.',
  'team.invitation_sent': 'Somebody was invited to a team by mail.',
  'team.invitation_resent': 'An invitation was mailed again, with a new link.',
  'team.invitation_revoked': 'An invitation was taken back, or replaced by another.',
  'team.invitation_accepted': 'An invitation was accepted by whoever has its address.',
  'team.invitation_voided':
    'An invitation was worth nothing any more, because its inviter may invite nobody.',
  'team.join_code_created': 'A code was made by which others join a team.',
  'team.join_code_revoked': 'A join code was taken back.',
  'team.ownership_transferred': 'A team was handed over to another owner.',
  'team.owner_succeeded': 'The next in line became owner, because the last owner was erased.',
  'upstream.created': 'A provider elsewhere was registered.',
  'upstream.updated': 'A provider elsewhere was changed.',
  'upstream.deleted': 'A provider elsewhere was removed.',
  'role.defined': 'A role was made, or holds other permissions.',
  'role.removed': 'A role was removed.',
  'role.assigned': 'An account got a role of the whole installation.',
  'role.unassigned': 'A role of the whole installation was taken off an account.',
  'webhook.created': 'An address was given that is told of facts.',
  'webhook.updated': 'A webhook was changed.',
  'webhook.deleted': 'A webhook was removed.',
  'webhook.secret_rotated': 'A webhook got a new secret to sign with.',
  'webhook.disabled':
    'A webhook was turned off, because its address failed for days or said that it is gone.',
  'key.created': 'A signing key was made.',
  'key.imported': 'An operator brought a signing key along.',
  'key.promoted': 'A signing key began to sign.',
  'key.retired': 'A signing key left the JWKS, since nothing that it signed can be alive.',
  'key.revoked': 'A compromised signing key left the JWKS at once; what it signed is worth nothing.',
  'audit.dropped': 'Facts older than the retention were dropped from the audit log.',
  'instance.claimed': 'The first administrator claimed this installation.',
  'instance.imported':
    'People, teams and clients were brought along from a file; how many is in the details.',
  'instance.exported': 'Everybody was written out, with or without hashes of secrets.',
} as const satisfies Record<string, string>

export type EventType = keyof typeof eventTypes

/** Who caused a fact. By which request is known where it is recorded. */
export type Actor =
  | { kind: 'account'; id: string }
  /** Acts within these scopes of the management API; without them it may do nothing by itself. */
  | { kind: 'client'; id: string; scopes?: readonly string[] }
  | { kind: 'operator' }
  | { kind: 'system' }
  | { kind: 'stranger' }
