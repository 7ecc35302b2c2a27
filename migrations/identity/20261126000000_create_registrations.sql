-- People who register themselves, until they have shown that mail to their address arrives: no user exists before (I22). Of the token in
-- the link, a hash.
CREATE TABLE registrations (
    realm_id     uuid        NOT NULL,
    link_id      uuid        NOT NULL,
    -- Who he is going to be. Where the address has a user already: that user, and the row does nothing but count.
    user_id      uuid        NOT NULL,
    email        text        NOT NULL,
    -- Empty where nobody was mailed.
    email_key    text        NOT NULL,
    phone        text,
    user_name    text,
    introduction jsonb,
    token_hash   bytea       NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    ended_at     timestamptz,
    PRIMARY KEY (realm_id, link_id)
);
CREATE INDEX registrations_of_address ON registrations (realm_id, email_key, created_at);
CREATE INDEX registrations_of_user ON registrations (realm_id, user_id);
CREATE INDEX registrations_by_end ON registrations (expires_at);

-- True if an address may be mailed now because somebody has registered with it: not within a minute of another time, and no more than 5
-- times a day, whoever has it. There may be no row to lock: so the address itself is locked, and of many who ask at once one is told yes.
CREATE FUNCTION may_be_registered(of_realm uuid, at_address text, at timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('registration ' || of_realm || ' ' || at_address, 0));
    RETURN NOT EXISTS (
        SELECT FROM registrations
        WHERE registrations.realm_id = of_realm
          AND registrations.email_key = at_address
          AND registrations.created_at > at - interval '1 minute'
    ) AND 5 > (
        SELECT count(*)
        FROM registrations
        WHERE registrations.realm_id = of_realm
          AND registrations.email_key = at_address
          AND registrations.created_at > at - interval '1 day'
    );
END;
$$;
