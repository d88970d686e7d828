-- AlterTable
ALTER TABLE "apis" ADD COLUMN     "detail_types" JSONB NOT NULL DEFAULT '[]';
