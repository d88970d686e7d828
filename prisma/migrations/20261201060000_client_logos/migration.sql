-- CreateTable
CREATE TABLE "client_logos" (
    "client_id" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "media_type" TEXT,
    "image" BYTEA,
    "asked_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "client_logos_pkey" PRIMARY KEY ("client_id")
);

-- AddForeignKey
ALTER TABLE "client_logos" ADD CONSTRAINT "client_logos_client_id_fkey" FOREIGN KEY ("client_id") REFERENCES "clients"("id") ON DELETE CASCADE ON UPDATE CASCADE;
