-- Links in letters about a case that were used (I19): none opens an account twice. The links themselves are signed, and not kept.
CREATE TABLE redeemed_autologins (
    realm_id    uuid        NOT NULL,
    -- The letter that carried it.
    delivery_id uuid        NOT NULL,
    user_id     uuid        NOT NULL,
    -- When the link is over, and nothing needs to be remembered.
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (realm_id, delivery_id)
);

-- What housekeeping looks for.
CREATE INDEX redeemed_autologins_by_end ON redeemed_autologins (expires_at);
-- What an erasure looks for.
CREATE INDEX redeemed_autologins_by_user ON redeemed_autologins (realm_id, user_id);

-- When the user's address last changed: links of letters that were made before open nothing, were it to change back. Nothing: never since
-- there are such links.
ALTER TABLE users ADD COLUMN autologins_from timestamptz;

-- Ends those sessions of a user that links of letters have opened, the access tokens of each included. Called in the statement that follows
-- from it, once that holds his row.
CREATE FUNCTION end_autologin_sessions(of_realm uuid, of_user uuid, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    ended uuid;
BEGIN
    -- Whoever has none, as most have, waits for nobody who holds sessions.
    IF NOT EXISTS (
        SELECT FROM sessions
        WHERE sessions.realm_id = of_realm
          AND sessions.user_id = of_user
          AND sessions.proof = 'AUTOLOGIN'
          AND sessions.ended_at IS NULL
    ) THEN
        RETURN;
    END IF;
    FOR ended IN
        UPDATE sessions
        SET ended_at = at
        WHERE sessions.realm_id = of_realm
          AND sessions.user_id = of_user
          AND sessions.proof = 'AUTOLOGIN'
          AND sessions.ended_at IS NULL
        RETURNING sessions.session_id
    LOOP
        PERFORM revoke_access(ended, 9223372036854775807, at);
    END LOOP;
END;
$$;
