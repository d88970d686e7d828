DROP VIEW "account_snapshot";
-- By hand: what stands above this line is kept when this migration is drafted anew.

-- DropForeignKey
ALTER TABLE "client_secrets" DROP CONSTRAINT "client_secrets_client_id_fkey";

-- DropForeignKey
ALTER TABLE "api_clients" DROP CONSTRAINT "api_clients_identifier_fkey";

-- DropForeignKey
ALTER TABLE "api_clients" DROP CONSTRAINT "api_clients_client_id_fkey";

-- DropForeignKey
ALTER TABLE "team_members" DROP CONSTRAINT "team_members_team_id_fkey";

-- DropForeignKey
ALTER TABLE "team_members" DROP CONSTRAINT "team_members_account_id_fkey";

-- DropTable
DROP TABLE "instance";

-- DropTable
DROP TABLE "rate_limits";

-- DropTable
DROP TABLE "audit_events";

-- DropTable
DROP TABLE "sessions";

-- DropTable
DROP TABLE "grants";

-- DropTable
DROP TABLE "refresh_tokens";

-- DropTable
DROP TABLE "interactions";

-- DropTable
DROP TABLE "artifacts";

-- DropTable
DROP TABLE "signing_keys";

-- DropTable
DROP TABLE "clients";

-- DropTable
DROP TABLE "client_secrets";

-- DropTable
DROP TABLE "apis";

-- DropTable
DROP TABLE "api_clients";

-- DropTable
DROP TABLE "accounts";

-- DropTable
DROP TABLE "account_tickets";

-- DropTable
DROP TABLE "teams";

-- DropTable
DROP TABLE "team_members";
