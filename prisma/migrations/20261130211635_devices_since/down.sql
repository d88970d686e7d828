-- AlterTable
ALTER TABLE "accounts" DROP COLUMN "devices_since";
