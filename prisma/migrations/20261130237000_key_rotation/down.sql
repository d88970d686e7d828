-- DropIndex
DROP INDEX "signing_keys_alg_epoch_key";

-- AlterTable
ALTER TABLE "signing_keys" DROP COLUMN "epoch",
DROP COLUMN "imported",
DROP COLUMN "retain_until";
