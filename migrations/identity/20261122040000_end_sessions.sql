-- Ends the sessions of a user, called in the statement that takes his access back, once that holds his row. A function, since
-- its query sees what was committed until now: the statement's own snapshot is older than its wait for the row, and a sign-in
-- that held the row meanwhile has left a session that it does not see.
CREATE FUNCTION end_sessions(of_realm uuid, of_user uuid, but_for uuid, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    UPDATE sessions
    SET ended_at = at
    WHERE sessions.realm_id = of_realm
      AND sessions.user_id = of_user
      AND sessions.session_id IS DISTINCT FROM but_for
      AND sessions.ended_at IS NULL;
END;
$$;

-- True if a user may be mailed a link now: not within a minute of another, nor more than ten times a day, whoever asks for it.
-- Locks his row first, so that of many who ask at once one is told yes.
CREATE FUNCTION may_be_mailed(of_realm uuid, of_user uuid, at timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM 1
    FROM users
    WHERE users.realm_id = of_realm
      AND users.user_id = of_user
    FOR UPDATE;
    RETURN NOT EXISTS (
        SELECT FROM links
        WHERE links.realm_id = of_realm
          AND links.user_id = of_user
          AND links.created_at > at - interval '1 minute'
    ) AND (
        SELECT count(*)
        FROM links
        WHERE links.realm_id = of_realm
          AND links.user_id = of_user
          AND links.created_at > at - interval '1 day'
    ) < 10;
END;
$$;
-- Also those that have ended count.
DROP INDEX links_of_user;
CREATE INDEX links_of_user ON links (realm_id, user_id, created_at);
