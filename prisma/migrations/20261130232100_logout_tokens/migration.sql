-- However a session ends, the clients that took part in it are told (ADR 0034). Written by hand: the schema file knows
-- no triggers.
CREATE FUNCTION tell_of_logout() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  told record;
BEGIN
  FOR told IN
    SELECT part.key AS client_id, part.value->>'sid' AS sid
    FROM jsonb_each(OLD.authorizations) part JOIN clients c ON c.id = part.key
    WHERE c.enabled AND c.metadata ? 'backchannel_logout_uri' AND part.value ? 'sid'
  LOOP
    -- As platform/queue.ts and src/oidc/back-channel-logout.ts name it
    PERFORM graphile_worker.add_job('logout',
      json_build_object('clientId', told.client_id, 'sid', told.sid, 'sub', OLD.account_id, 'tries', 0),
      job_key => format('logout:%s', told.sid), priority => 5);
  END LOOP;
  RETURN NULL;
END $$;

-- A session that has outlived itself ends without news: whoever took part knows how long it could last.
CREATE TRIGGER sessions_tell_of_logout AFTER DELETE ON sessions
  FOR EACH ROW WHEN (OLD.account_id IS NOT NULL AND OLD.expires_at > now() AND OLD.authorizations <> '{}')
  EXECUTE FUNCTION tell_of_logout();
