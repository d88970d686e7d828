// Owns what discovery says of dynamic registration. The endpoint itself is api/registration.ts: oidc-provider's would
// keep secrets in the clear and clients beside their one constructor.
import type { Config } from '../config/schema.ts'

/** RFC 8414 §2. */
export const registrationMetadata = ({
  issuer,
  clientRegistration: { mode },
}: Pick<Config, 'issuer' | 'clientRegistration'>): { registration_endpoint?: string } =>
  mode === 'closed' ? {} : { registration_endpoint: `${issuer}/oauth2/register` }
