-- AlterTable
ALTER TABLE "accounts" ADD COLUMN     "deleted_at" TIMESTAMPTZ(3),
ADD COLUMN     "device_notice_at" TIMESTAMPTZ(3),
ADD COLUMN     "locale" TEXT,
ADD COLUMN     "system" BOOLEAN NOT NULL DEFAULT false;

-- CreateTable
CREATE TABLE "email_challenges" (
    "id" UUID NOT NULL,
    "flow_hash" BYTEA NOT NULL,
    "purpose" TEXT NOT NULL,
    "email" TEXT NOT NULL,
    "email_canonical" TEXT NOT NULL,
    "account_id" UUID,
    "security_epoch" INTEGER,
    "code_hmac" BYTEA,
    "link_hash" BYTEA,
    "browser_hash" BYTEA,
    "sealed" BYTEA,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "sends" INTEGER NOT NULL DEFAULT 0,
    "last_sent_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "used_at" TIMESTAMPTZ(3),

    CONSTRAINT "email_challenges_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "email_confirmations" (
    "subject" UUID NOT NULL,
    "email_canonical" TEXT NOT NULL,
    "failures" INTEGER NOT NULL DEFAULT 0,
    "next_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "email_confirmations_pkey" PRIMARY KEY ("subject","email_canonical")
);

-- CreateTable
CREATE TABLE "recovery_links" (
    "id" UUID NOT NULL,
    "token_hash" BYTEA NOT NULL,
    "account_id" UUID NOT NULL,
    "email_canonical" TEXT NOT NULL,
    "security_epoch" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "consumed_at" TIMESTAMPTZ(3),

    CONSTRAINT "recovery_links_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "email_challenges_flow_hash_key" ON "email_challenges"("flow_hash");

-- CreateIndex
CREATE UNIQUE INDEX "email_challenges_link_hash_key" ON "email_challenges"("link_hash");

-- CreateIndex
CREATE INDEX "email_challenges_expires_at_idx" ON "email_challenges"("expires_at");

-- CreateIndex
CREATE INDEX "email_confirmations_expires_at_idx" ON "email_confirmations"("expires_at");

-- CreateIndex
CREATE UNIQUE INDEX "recovery_links_token_hash_key" ON "recovery_links"("token_hash");

-- CreateIndex
CREATE INDEX "recovery_links_account_id_idx" ON "recovery_links"("account_id");

-- CreateIndex
CREATE INDEX "recovery_links_expires_at_idx" ON "recovery_links"("expires_at");

-- CreateIndex
CREATE INDEX "accounts_deleted_at_idx" ON "accounts"("deleted_at");

-- CreateIndex
CREATE INDEX "interactions_account_id_idx" ON "interactions"("account_id");
