-- CreateTable
CREATE TABLE "idempotency_keys" (
    "key_hash" BYTEA NOT NULL,
    "fingerprint" BYTEA NOT NULL,
    "sealed" BYTEA,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "idempotency_keys_pkey" PRIMARY KEY ("key_hash")
);

-- CreateIndex
CREATE INDEX "idempotency_keys_expires_at_idx" ON "idempotency_keys"("expires_at");

-- CreateIndex
CREATE INDEX "accounts_email_canonical_idx" ON "accounts"("email_canonical");

-- CreateIndex
CREATE INDEX "accounts_username_idx" ON "accounts"("username");

-- CreateIndex
CREATE INDEX "audit_events_client_id_at_idx" ON "audit_events"("client_id", "at");

-- CreateIndex
CREATE INDEX "audit_events_type_at_idx" ON "audit_events"("type", "at");

-- By hand: what the schema file cannot say. Kept when this migration is drafted anew.
-- Searches by how an address or a user name begins: byte by byte, whatever the language of the database.
DROP INDEX "accounts_email_canonical_idx";
DROP INDEX "accounts_username_idx";
CREATE INDEX "accounts_email_canonical_idx" ON "accounts" ("email_canonical" COLLATE "C");
CREATE INDEX "accounts_username_idx" ON "accounts" ("username" COLLATE "C");
-- Searches by how a word of a name begins.
CREATE INDEX "accounts_name_idx" ON "accounts" USING gin (to_tsvector('simple'::regconfig, coalesce("profile"->>'name', '')));
