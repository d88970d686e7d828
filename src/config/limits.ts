// Owns every named limit that is not a setting. The names appear in RateLimit-Policy and in the audit log.
import { days, hours, minutes, seconds } from '../kernel/time.ts'

/** GCRA: a burst of so many, then one more every period / burst. */
export type Rate = { burst: number; periodMs: number }

export const rates = {
  /** Failures of one account from devices it has signed in on before. */
  'login.device': { burst: 10, periodMs: minutes(15) },
  /** Failures of one account from devices it does not know: ten, then 30 an hour, one every two minutes. */
  'login.account': { burst: 10, periodMs: minutes(20) },
  /** Failures from one /32 or /64. */
  'login.address': { burst: 30, periodMs: minutes(15) },
  'setup.address': { burst: 10, periodMs: minutes(15) },
  /** Mails to one address, over all purposes: five in an hour, ten in a day, then the answer stays and no mail goes. */
  'mail.hour': { burst: 5, periodMs: hours(1) },
  'mail.day': { burst: 10, periodMs: hours(24) },
  /** Recovery links without a code, once the budget above is spent: guessing them is hopeless, so nobody can take recovery away. */
  'mail.recovery': { burst: 3, periodMs: hours(1) },
  /** Requests for mail from one /32 or /64: a whole classroom may stand behind one address. */
  'mail.address': { burst: 100, periodMs: minutes(15) },
  /** Codes compared for one address, over all purposes and flows: at most 30 in any day, see docs/adr/0014. */
  'code.email': { burst: 15, periodMs: hours(24) },
  /** Codes compared for one /32 or /64. */
  'code.address': { burst: 30, periodMs: minutes(15) },
  /** Codes of confirmations compared for one /32 or /64: each leaves a row for a day, also for a flow nobody has. */
  'confirm.address': { burst: 100, periodMs: minutes(15) },
  /** Sign-ups from one /32 or /64; each costs a password hash, whose queue is bounded besides. */
  'register.address': { burst: 200, periodMs: minutes(15) },
  /**
   * What sends a notice to an address whose account a stranger may hold until its owner comes. By address: an account
   * that is moved away and registered anew starts no other count.
   */
  'password.change': { burst: 5, periodMs: hours(5) },
  'email.change': { burst: 5, periodMs: hours(5) },
  'notice.reuse': { burst: 5, periodMs: hours(5) },
  /** Requests to the management API by one client, or by one person through one client. */
  'api.read': { burst: 1200, periodMs: minutes(1) },
  'api.write': { burst: 600, periodMs: minutes(1) },
  /** Invitations to one address, over all teams. */
  'invitation.address': { burst: 5, periodMs: hours(24) },
  /** Invitations of one person, over all teams. */
  'invitation.inviter': { burst: 100, periodMs: hours(24) },
  /** Apps that register themselves from one /32 or /64. */
  'clients.address': { burst: 200, periodMs: hours(1) },
  /** Documents of apps that nobody here knew, by who named them: each is a call to wherever they say. */
  'documents.address': { burst: 20, periodMs: minutes(15) },
  /** The same by the host that is called, so that many together do not send us there without end. */
  'documents.host': { burst: 60, periodMs: minutes(15) },
  /** Guesses of the code that a device shows, from one /32 or /64. */
  'device.address': { burst: 30, periodMs: minutes(15) },
  /**
   * Requests that are kept before any person has answered: those pushed ahead, for a minute, and those of devices, for
   * ten. By one /32 or /64 through apps that anybody can speak for; by one app that proves itself, whose backend has
   * one address for all its people.
   */
  'par.address': { burst: 600, periodMs: minutes(1) },
  'par.client': { burst: 6_000, periodMs: minutes(1) },
  'device.begin.address': { burst: 2_000, periodMs: minutes(15) },
  'device.client': { burst: 6_000, periodMs: minutes(1) },
  /**
   * Sign-ins begun from one /32 or /64, each kept for a day: a whole company may stand behind one address. By each process
   * for itself.
   */
  'authorize.address': { burst: 20_000, periodMs: minutes(30) },
  /** Questions of one app to people who are not at a browser; each may be a mail. */
  'ciba.client': { burst: 600, periodMs: minutes(1) },
  'ciba.address': { burst: 60, periodMs: minutes(1) },
  /** How often apps may ask one person who is not at a browser. */
  'ciba.account': { burst: 10, periodMs: minutes(15) },
  /** How often one device may ask whether it was let in: every five seconds, and a little sooner for the network's sake. */
  'device.poll': { burst: 1, periodMs: seconds(4.5) },
  /** Join codes that one account tries. */
  'join.account': { burst: 10, periodMs: minutes(15) },
} as const satisfies Record<string, Rate>

export type RateName = keyof typeof rates

export const limits = {
  /** Consecutive failures after which the password is off for unknown devices (NIST SP 800-63B-4 §3.2.2). */
  passwordFailuresInARow: 100,
  bodyBytes: 56 * 1024,
  headerBytes: 16 * 1024,
  headersTimeoutMs: seconds(10),
  requestTimeoutMs: seconds(15),
  sockets: 2_000,
  authorizationCodeTtlSeconds: 60,
  /** From the code on the screen of a device to the person's yes. */
  deviceCodeTtlSeconds: 600,
  /** How long an app waits for the person it asked, when it does not say, and at most. */
  askTtlSeconds: 300,
  askMostSeconds: 600,
  /** RFC 8628 §3.2 */
  pollIntervalSeconds: 5,
  interactionTtlSeconds: 3_600,
  interactionRestartMs: hours(24),
  idTokenTtlSeconds: 3_600,
  /** How old the sign-in of a person may be who changes what everybody's sign-in rests on. */
  freshSignInSeconds: 300,
  /** How long after its issue an ID token says whom an app means (OIDC Core §3.1.2.1, id_token_hint). */
  idTokenHintMs: days(30),
  /** A key that the schedule lets sign has stood in the JWKS at least so long. */
  scheduledKeyPublishedMs: hours(24),
  sessionTtlSeconds: days(30) / 1000,
  /** ASVS 7.1.2: with one more the oldest ends. */
  sessionsPerAccount: 50,
  grantTtlSeconds: days(90) / 1000,
  /** FAPI 2.0 §5.3.2.1: a clock may be 10 s ahead; the library's own tolerance is 15 s. */
  clockToleranceSeconds: 10,
  /** The same: a token that was signed further ahead than this is refused. */
  clockAheadSeconds: 60,
  refreshFamilyFactor: 3,
  /** A proof from a clock that is this far ahead is good for as long again: so long its `jti` is kept besides. */
  replaySlackMs: minutes(5),
  /** How long a retry of a refresh is healed after an outage of the service itself. */
  refreshGraceAfterOutageMs: seconds(10),
  deviceCookieMs: days(180),
  deviceCookieAccounts: 5,
  passwordMaxLength: 256,
  /** A mailed code or link that signs in or changes an address. */
  challengeMs: minutes(10),
  /** A code that confirms a registration: its guesses are bounded by the cool-down, not by its life. */
  confirmationMs: hours(24),
  recoveryLinkMs: minutes(15),
  /** Between a right recovery code and the new password. */
  recoveryTicketMs: minutes(5),
  recoveryLinksAlive: 3,
  codeAttempts: 5,
  /** min(base · 2^retries, cap), from the second failure on. */
  confirmationCooldown: { baseMs: seconds(30), capMs: hours(1) },
  /** Waits before the second, third, … mail of one challenge. */
  resendWaitsMs: [seconds(30), seconds(60), seconds(120), seconds(300)],
  deletionGraceMs: days(30),
  /** How long an answer is kept for a repeated Idempotency-Key, and how long its first request may take. */
  idempotencyMs: hours(24),
  idempotencyLeaseMs: minutes(1),
  invitationMs: days(7),
  joinCodeMs: days(90),
  joinCodeUses: 10_000,
  /** After it expired: until then its inviter sees what became of it and sends it again. */
  invitationKeptMs: days(30),
  deviceNoticeEveryMs: hours(1),
  /** How long a mail server may be away before a notice is old news. */
  noticeMs: days(2),
  /** Live events that one process tells at the same time, and to one caller. */
  eventStreams: 100,
  eventStreamsPerCaller: 10,
  /** How often a stream without news shows that it is alive, and asks whether its token is still good. */
  eventHeartbeatMs: seconds(5),
  /** How long a reader may let a full buffer stand before it is let go of; it comes back with its Last-Event-ID. */
  eventPatienceMs: seconds(10),
  logoutTimeoutMs: seconds(5),
  webhooks: 50,
  /** Apps that came by a document; those that nobody uses go after a day, or an hour when there are so many. */
  clientDocuments: 5_000,
  clientDocumentUnusedMs: days(1),
  webhookTimeoutMs: seconds(5),
  /** How long deliveries are kept to be looked at and sent again. */
  webhookDeliveriesKeptMs: days(30),
  /** How long a secret signs beside the one that replaced it. */
  webhookSecretOverlapMs: hours(24),
  drainMs: seconds(8),
} as const
