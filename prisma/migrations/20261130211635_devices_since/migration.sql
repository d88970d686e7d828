-- AlterTable
ALTER TABLE "accounts" ADD COLUMN     "devices_since" TIMESTAMPTZ(3);
