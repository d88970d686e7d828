-- CreateTable
CREATE TABLE "team_invitations" (
    "id" UUID NOT NULL,
    "token_hash" BYTEA NOT NULL,
    "team_id" UUID NOT NULL,
    "email" TEXT NOT NULL,
    "email_canonical" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "inviter" JSONB NOT NULL,
    "inviter_epoch" INTEGER,
    "state" TEXT NOT NULL DEFAULT 'pending',
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "team_invitations_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "team_invitations_token_hash_key" ON "team_invitations"("token_hash");

-- CreateIndex
CREATE INDEX "team_invitations_team_id_id_idx" ON "team_invitations"("team_id", "id");

-- CreateIndex
CREATE INDEX "team_invitations_email_canonical_idx" ON "team_invitations"("email_canonical");

-- CreateIndex
CREATE INDEX "team_invitations_expires_at_idx" ON "team_invitations"("expires_at");

-- AddForeignKey
ALTER TABLE "team_invitations" ADD CONSTRAINT "team_invitations_team_id_fkey" FOREIGN KEY ("team_id") REFERENCES "teams"("id") ON DELETE CASCADE ON UPDATE CASCADE;
