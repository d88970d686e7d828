-- CreateIndex
CREATE INDEX "accounts_status_id_idx" ON "accounts"("status", "id");
