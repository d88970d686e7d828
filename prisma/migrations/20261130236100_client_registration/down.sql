-- AlterTable
ALTER TABLE "clients" DROP COLUMN "registration_token_hash";
