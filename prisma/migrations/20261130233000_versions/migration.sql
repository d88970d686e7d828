-- AlterTable
ALTER TABLE "apis" ADD COLUMN     "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP;

-- AlterTable
ALTER TABLE "teams" ADD COLUMN     "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP;

-- By hand: what the schema file cannot say. Kept when this migration is drafted anew.
UPDATE "apis" SET "updated_at" = "created_at";
UPDATE "teams" SET "updated_at" = "created_at";
