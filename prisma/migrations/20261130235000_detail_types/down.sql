-- AlterTable
ALTER TABLE "apis" DROP COLUMN "detail_types";
