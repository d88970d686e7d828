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
  interactionTtlSeconds: 3_600,
  interactionRestartMs: hours(24),
  idTokenTtlSeconds: 3_600,
  sessionTtlSeconds: days(30) / 1000,
  grantTtlSeconds: days(90) / 1000,
  /** The library's own tolerance is 15 s. */
  clockToleranceSeconds: 5,
  refreshFamilyFactor: 3,
  /** How long a retry of a refresh is healed after an outage of the service itself. */
  refreshGraceAfterOutageMs: seconds(10),
  deviceCookieMs: days(180),
  deviceCookieAccounts: 5,
  passwordMaxLength: 256,
  drainMs: seconds(8),
} as const
