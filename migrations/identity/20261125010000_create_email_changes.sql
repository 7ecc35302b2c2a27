-- Addresses that users want instead of theirs, until they have shown that mail to them arrives (I16). Of the token in the link, a hash.
CREATE TABLE email_changes (
    realm_id    uuid        NOT NULL,
    link_id     uuid        NOT NULL,
    user_id     uuid        NOT NULL,
    -- It asked for the address: whatever ends it makes this void.
    session_id  uuid        NOT NULL,
    email       text        NOT NULL,
    email_key   text        NOT NULL,
    -- The user as he was: whatever has changed his address since has made this void.
    present_key text,
    token_hash  bytea       NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (realm_id, link_id)
);
CREATE INDEX email_changes_of_user ON email_changes (realm_id, user_id, created_at);
CREATE INDEX email_changes_to_address ON email_changes (realm_id, email_key, created_at);
CREATE INDEX email_changes_by_end ON email_changes (expires_at);

-- True if a link may be mailed to an address now that is to be a user's: not within a minute of another of his, and a day long no more
-- than 10 for him and 5 to the address, whoever asks. Locks the user's row first, so that of many who ask at once one is told yes.
CREATE FUNCTION may_be_asked(of_realm uuid, of_user uuid, at_address text, at timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM 1
    FROM users
    WHERE users.realm_id = of_realm
      AND users.user_id = of_user
    FOR UPDATE;
    RETURN NOT EXISTS (
        SELECT FROM email_changes
        WHERE email_changes.realm_id = of_realm
          AND email_changes.user_id = of_user
          AND email_changes.created_at > at - interval '1 minute'
    ) AND 10 > (
        SELECT count(*)
        FROM email_changes
        WHERE email_changes.realm_id = of_realm
          AND email_changes.user_id = of_user
          AND email_changes.created_at > at - interval '1 day'
    ) AND 5 > (
        SELECT count(*)
        FROM email_changes
        WHERE email_changes.realm_id = of_realm
          AND email_changes.email_key = at_address
          AND email_changes.created_at > at - interval '1 day'
    );
END;
$$;

-- A code can be for the number a user has, or for the one he wants instead.
ALTER TABLE phone_codes ADD COLUMN replaces boolean NOT NULL DEFAULT false;

-- As before, and for one user no more than 10 a day: the numbers he asks for are not his alone.
CREATE OR REPLACE FUNCTION may_be_texted(of_realm uuid, of_user uuid, to_phone text, from_address text, at timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM 1
    FROM users
    WHERE users.realm_id = of_realm
      AND users.user_id = of_user
    FOR UPDATE;
    RETURN NOT EXISTS (
        SELECT FROM phone_codes
        WHERE phone_codes.realm_id = of_realm
          AND phone_codes.user_id = of_user
          AND phone_codes.created_at > at - interval '1 minute'
    ) AND 10 > (
        SELECT count(*)
        FROM phone_codes
        WHERE phone_codes.realm_id = of_realm
          AND phone_codes.user_id = of_user
          AND phone_codes.created_at > at - interval '1 day'
    ) AND 5 > (
        SELECT count(*)
        FROM phone_codes
        WHERE phone_codes.realm_id = of_realm
          AND phone_codes.phone = to_phone
          AND phone_codes.created_at > at - interval '1 day'
    ) AND 20 > (
        SELECT count(*)
        FROM phone_codes
        WHERE phone_codes.realm_id = of_realm
          AND phone_codes.client_address = from_address
          AND phone_codes.created_at > at - interval '1 day'
    ) AND 5000 > (
        SELECT count(*)
        FROM phone_codes
        WHERE phone_codes.realm_id = of_realm
          AND phone_codes.created_at > at - interval '1 day'
    );
END;
$$;
