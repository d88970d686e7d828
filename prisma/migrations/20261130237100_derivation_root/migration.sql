-- AlterTable
ALTER TABLE "instance" ADD COLUMN     "derivation_root" BYTEA;
