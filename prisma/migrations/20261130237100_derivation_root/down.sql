-- AlterTable
ALTER TABLE "instance" DROP COLUMN "derivation_root";
