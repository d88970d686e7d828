-- AlterTable
ALTER TABLE "cross_device_requests" ADD COLUMN     "sealed" BYTEA;

-- CreateIndex
CREATE INDEX "cross_device_requests_account_id_idx" ON "cross_device_requests"("account_id");
