-- DropIndex
DROP INDEX "interactions_account_id_idx";

-- DropIndex
DROP INDEX "accounts_deleted_at_idx";

-- AlterTable
ALTER TABLE "accounts" DROP COLUMN "deleted_at",
DROP COLUMN "device_notice_at",
DROP COLUMN "locale",
DROP COLUMN "system";

-- DropTable
DROP TABLE "email_challenges";

-- DropTable
DROP TABLE "email_confirmations";

-- DropTable
DROP TABLE "recovery_links";
