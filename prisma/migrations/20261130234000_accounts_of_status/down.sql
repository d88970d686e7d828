-- DropIndex
DROP INDEX "accounts_status_id_idx";
