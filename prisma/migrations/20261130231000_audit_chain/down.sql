-- Every fact stays; what proves that none was changed goes.
ALTER TABLE "audit_events" RENAME TO "audit_events_by_month";
ALTER TABLE "audit_events_by_month" DROP CONSTRAINT "audit_events_pkey";
DROP INDEX "audit_events_at_idx";
DROP INDEX "audit_events_account_id_at_idx";
DROP INDEX "audit_events_client_id_at_idx";
DROP INDEX "audit_events_type_at_idx";

CREATE TABLE "audit_events" (
    "id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "type" TEXT NOT NULL,
    "actor" JSONB,
    "account_id" UUID,
    "client_id" TEXT,
    "request_id" TEXT,
    "address" TEXT,
    "details" JSONB NOT NULL DEFAULT '{}',

    CONSTRAINT "audit_events_pkey" PRIMARY KEY ("id")
);
INSERT INTO "audit_events" ("id", "at", "type", "actor", "account_id", "client_id", "request_id", "address", "details")
SELECT "id", "at", "type", "actor", "account_id", "client_id", "request_id", "address", "details"
FROM "audit_events_by_month";

CREATE INDEX "audit_events_at_idx" ON "audit_events"("at");
CREATE INDEX "audit_events_account_id_at_idx" ON "audit_events"("account_id", "at");
CREATE INDEX "audit_events_client_id_at_idx" ON "audit_events"("client_id", "at");
CREATE INDEX "audit_events_type_at_idx" ON "audit_events"("type", "at");

DROP TABLE "audit_events_by_month";
DROP TABLE "audit_unsealed";
DROP TABLE "audit_seals";
DROP FUNCTION "audit_awaits_seal"();
DROP FUNCTION "audit_is_append_only"();
