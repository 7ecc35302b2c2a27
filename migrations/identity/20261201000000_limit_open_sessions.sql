-- What goes on is looked for at every sign-in.
DROP INDEX sessions_of_user;
CREATE INDEX sessions_of_user ON sessions (realm_id, user_id, ended_at);

-- 200 sessions of a user go on at the most (I24): whoever knows a password cannot open so many that ending them all takes too long. Those
-- that were not used for longest end, and few at a time: of however many there are, each that begins ends twenty. By a trigger, since
-- a session may be begun in one statement with a user, a password or a link. It waits for nobody who holds one of them, who is about to use
-- it, or to end it: the next that begins looks again.
CREATE FUNCTION end_oldest_sessions() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    oldest uuid;
BEGIN
    FOR oldest IN
        WITH too_many AS MATERIALIZED (
            SELECT sessions.session_id
            FROM sessions
            WHERE sessions.realm_id = NEW.realm_id
              AND sessions.user_id = NEW.user_id
              AND sessions.ended_at IS NULL
              AND sessions.expires_at > NEW.created_at
            ORDER BY sessions.refreshed_at DESC, sessions.session_id DESC
            OFFSET 200
            LIMIT 20
        ), held AS MATERIALIZED (
            SELECT sessions.session_id
            FROM sessions
            WHERE sessions.realm_id = NEW.realm_id
              AND sessions.session_id IN (SELECT too_many.session_id FROM too_many)
              AND sessions.ended_at IS NULL
            FOR UPDATE SKIP LOCKED
        )
        UPDATE sessions
        SET ended_at = NEW.created_at
        FROM held
        WHERE sessions.realm_id = NEW.realm_id
          AND sessions.session_id = held.session_id
        RETURNING sessions.session_id
    LOOP
        PERFORM revoke_access(oldest, 9223372036854775807, NEW.created_at);
    END LOOP;
    RETURN NULL;
END;
$$;
CREATE TRIGGER sessions_are_not_many AFTER INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION end_oldest_sessions();
