-- AlterTable
ALTER TABLE "apis" DROP COLUMN "updated_at";

-- AlterTable
ALTER TABLE "teams" DROP COLUMN "updated_at";
