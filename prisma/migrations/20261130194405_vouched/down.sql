-- AlterTable
ALTER TABLE "accounts" DROP COLUMN "vouched";
