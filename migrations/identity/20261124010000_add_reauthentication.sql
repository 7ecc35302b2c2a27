-- When the user of a session last showed that he is who he says; nothing: when it began.
ALTER TABLE sessions ADD COLUMN authenticated_at timestamptz;

-- Ends the sessions of a user but for one, the access tokens of each included, so that the one goes on undisturbed. Called in the
-- statement that follows from it, once that holds his row.
CREATE FUNCTION end_other_sessions(of_realm uuid, of_user uuid, but_for uuid, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    ended uuid;
BEGIN
    FOR ended IN
        UPDATE sessions
        SET ended_at = at
        WHERE sessions.realm_id = of_realm
          AND sessions.user_id = of_user
          AND sessions.session_id <> but_for
          AND sessions.ended_at IS NULL
        RETURNING sessions.session_id
    LOOP
        PERFORM revoke_access(ended, 9223372036854775807, at);
    END LOOP;
END;
$$;
