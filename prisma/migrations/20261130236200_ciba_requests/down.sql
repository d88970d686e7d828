-- DropIndex
DROP INDEX "cross_device_requests_account_id_idx";

-- AlterTable
ALTER TABLE "cross_device_requests" DROP COLUMN "sealed";
