DROP INDEX "accounts_name_idx";

-- By hand: what stands above this line is kept when this migration is drafted anew.

-- DropIndex
DROP INDEX "audit_events_client_id_at_idx";

-- DropIndex
DROP INDEX "audit_events_type_at_idx";

-- DropIndex
DROP INDEX "accounts_email_canonical_idx";

-- DropIndex
DROP INDEX "accounts_username_idx";

-- DropTable
DROP TABLE "idempotency_keys";
