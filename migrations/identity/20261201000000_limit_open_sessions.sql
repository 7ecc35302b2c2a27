-- What goes on is looked for at every sign-in.
DROP INDEX sessions_of_user;
CREATE INDEX sessions_of_user ON sessions (realm_id, user_id, ended_at);

-- A user has 200 sessions at the most (I24): whoever knows a password cannot open so many that ending them all takes too long. By a
-- trigger, since a session may be begun in one statement with a user, a password or a link.
CREATE FUNCTION end_oldest_sessions() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    oldest uuid;
BEGIN
    FOR oldest IN
        UPDATE sessions
        SET ended_at = NEW.created_at
        WHERE sessions.realm_id = NEW.realm_id
          AND sessions.session_id IN (
              SELECT going_on.session_id
              FROM sessions AS going_on
              WHERE going_on.realm_id = NEW.realm_id
                AND going_on.user_id = NEW.user_id
                AND going_on.ended_at IS NULL
              ORDER BY going_on.created_at DESC, going_on.session_id DESC
              OFFSET 200
              -- Somebody who ends one at this moment is waited for by nobody.
              FOR UPDATE SKIP LOCKED
          )
        RETURNING sessions.session_id
    LOOP
        PERFORM revoke_access(oldest, 9223372036854775807, NEW.created_at);
    END LOOP;
    RETURN NULL;
END;
$$;
CREATE TRIGGER sessions_are_not_many AFTER INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION end_oldest_sessions();
