-- CreateTable
CREATE TABLE "team_join_codes" (
    "id" UUID NOT NULL,
    "team_id" UUID NOT NULL,
    "code_hmac" BYTEA NOT NULL,
    "sealed" BYTEA NOT NULL,
    "role" TEXT NOT NULL,
    "uses" INTEGER NOT NULL DEFAULT 0,
    "max_uses" INTEGER NOT NULL,
    "creator" JSONB NOT NULL,
    "creator_epoch" INTEGER,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "team_join_codes_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "team_join_codes_code_hmac_key" ON "team_join_codes"("code_hmac");

-- CreateIndex
CREATE INDEX "team_join_codes_team_id_id_idx" ON "team_join_codes"("team_id", "id");

-- CreateIndex
CREATE INDEX "team_join_codes_expires_at_idx" ON "team_join_codes"("expires_at");

-- AddForeignKey
ALTER TABLE "team_join_codes" ADD CONSTRAINT "team_join_codes_team_id_fkey" FOREIGN KEY ("team_id") REFERENCES "teams"("id") ON DELETE CASCADE ON UPDATE CASCADE;
