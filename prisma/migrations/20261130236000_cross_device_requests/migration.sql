-- CreateTable
CREATE TABLE "cross_device_requests" (
    "id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "id_hash" BYTEA NOT NULL,
    "client_id" TEXT NOT NULL,
    "user_code_hmac" BYTEA,
    "claim_hash" BYTEA,
    "session_uid" TEXT,
    "account_id" UUID,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "decided_at" TIMESTAMPTZ(3),

    CONSTRAINT "cross_device_requests_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "cross_device_requests_user_code_hmac_key" ON "cross_device_requests"("user_code_hmac");

-- CreateIndex
CREATE UNIQUE INDEX "cross_device_requests_claim_hash_key" ON "cross_device_requests"("claim_hash");

-- CreateIndex
CREATE INDEX "cross_device_requests_expires_at_idx" ON "cross_device_requests"("expires_at");
