-- AlterTable
ALTER TABLE "clients" DROP COLUMN "document_read_at";
