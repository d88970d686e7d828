// Owns what discovery says of apps that nobody registers by hand. The endpoint itself is api/registration.ts: oidc-provider's would
// keep secrets in the clear and clients beside their one constructor.
import type { Config } from '../config/schema.ts'

/** RFC 8414 §2. */
export const registrationMetadata = ({
  issuer,
  clientRegistration: { mode },
  clientDocuments,
}: Pick<Config, 'issuer' | 'clientRegistration' | 'clientDocuments'>) => ({
  ...(mode !== 'closed' && { registration_endpoint: `${issuer}/oauth2/register` }),
  // draft-ietf-oauth-client-id-metadata-document §5
  client_id_metadata_document_supported: clientDocuments !== 'closed',
})
