-- Codes that users are sent by SMS to confirm their numbers (I17). Of the code, a keyed hash alone: six digits are soon tried.
CREATE TABLE phone_codes (
    realm_id       uuid        NOT NULL,
    code_id        uuid        NOT NULL,
    user_id        uuid        NOT NULL,
    phone          text        NOT NULL,
    code_mac       bytea       NOT NULL,
    client_address text,
    tries          integer     NOT NULL DEFAULT 0,
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    ended_at       timestamptz,
    PRIMARY KEY (realm_id, code_id)
);
CREATE INDEX phone_codes_of_user ON phone_codes (realm_id, user_id, created_at);
CREATE INDEX phone_codes_of_phone ON phone_codes (realm_id, phone, created_at);
CREATE INDEX phone_codes_of_address ON phone_codes (realm_id, client_address, created_at);

-- True if a code may be sent now: not within a minute of another to the same user, and a day long no more than 5 to a number, 20
-- for an address and 5000 in the realm. Locks the user's row first, so that of many who ask at once one is told yes.
CREATE FUNCTION may_be_texted(of_realm uuid, of_user uuid, to_phone text, from_address text, at timestamptz) RETURNS boolean
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
CREATE INDEX phone_codes_by_time ON phone_codes (realm_id, created_at);
