-- AlterTable
ALTER TABLE "apis" ADD COLUMN     "wants_permissions" BOOLEAN NOT NULL DEFAULT false;

-- CreateTable
CREATE TABLE "roles" (
    "home" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "team_id" UUID,
    "description" TEXT,
    "permissions" TEXT[],
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "roles_pkey" PRIMARY KEY ("home","name")
);

-- CreateIndex
CREATE INDEX "roles_team_id_idx" ON "roles"("team_id");

-- AddForeignKey
ALTER TABLE "roles" ADD CONSTRAINT "roles_team_id_fkey" FOREIGN KEY ("team_id") REFERENCES "teams"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- By hand: what the schema file cannot say. Kept when this migration is drafted anew.
ALTER TABLE "roles" ADD CONSTRAINT "roles_home_is_the_team"
  CHECK ("home" = coalesce("team_id"::text, 'instance'));

-- Beside each account what those of its roles hold that are not built in.
CREATE OR REPLACE VIEW "account_snapshot" AS
SELECT id,
       status,
       security_epoch,
       email,
       email_verified_at IS NOT NULL AS email_verified,
       username,
       profile,
       roles,
       (SELECT jsonb_agg(jsonb_build_object('id', t.id, 'slug', t.slug, 'name', t.name, 'role', m.role,
                                            'permissions', r.permissions) ORDER BY t.slug)
        FROM "team_members" m JOIN "teams" t ON t.id = m.team_id
        LEFT JOIN "roles" r ON r.home = m.team_id::text AND r.name = m.role
          AND m.role NOT IN ('owner', 'admin', 'member')
        WHERE m.account_id = "accounts".id) AS teams,
       updated_at,
       CASE WHEN cardinality(roles) > 0 THEN
         (SELECT jsonb_object_agg(r.name, r.permissions) FROM "roles" r
          WHERE r.home = 'instance' AND r.name = ANY ("accounts".roles))
       END AS own_roles
FROM "accounts";
