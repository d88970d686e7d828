-- AlterTable
ALTER TABLE "clients" ADD COLUMN     "document_read_at" TIMESTAMPTZ(3);
