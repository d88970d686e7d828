-- AlterTable
ALTER TABLE "signing_keys" ADD COLUMN     "epoch" INTEGER,
ADD COLUMN     "imported" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "retain_until" TIMESTAMPTZ(3);

-- By hand: what the schema file cannot say. Kept when this migration is drafted anew.
-- The active key of each algorithm is its first, the next one its second.
UPDATE "signing_keys" k SET "epoch" = o."epoch" FROM (
    SELECT "kid", row_number() OVER (PARTITION BY "alg" ORDER BY "state" <> 'active', "created_at", "kid") AS "epoch"
    FROM "signing_keys"
) o WHERE o."kid" = k."kid";

ALTER TABLE "signing_keys" ALTER COLUMN "epoch" SET NOT NULL;

-- CreateIndex
CREATE UNIQUE INDEX "signing_keys_alg_epoch_key" ON "signing_keys"("alg", "epoch");
