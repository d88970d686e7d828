-- AlterTable
ALTER TABLE "accounts" ADD COLUMN     "vouched" BOOLEAN NOT NULL DEFAULT false;

-- By hand: what the schema file cannot say. Kept when this migration is drafted anew.
-- Whom the operator's hand has given a password before.
UPDATE "accounts" SET "vouched" = true WHERE "id" IN
  (SELECT "account_id" FROM "audit_events" WHERE "type" IN ('instance.claimed', 'account.password_set'));
