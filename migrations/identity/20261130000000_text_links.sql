-- Links by SMS (I17), to phones that their users have confirmed. A release that knows of none looks for the address they were mailed to,
-- which nobody has, and takes them for void.
ALTER TABLE links
    -- The number it was sent to, E.164; then `email_key` is empty. A link to a phone that is not confirmed, or not his any more, is void.
    ADD COLUMN phone text,
    -- From where it was asked for, if it was sent by SMS.
    ADD COLUMN client_address text;
CREATE INDEX links_of_phone ON links (realm_id, phone, created_at) WHERE phone IS NOT NULL;
CREATE INDEX links_of_address ON links (realm_id, client_address, created_at) WHERE phone IS NOT NULL;
CREATE INDEX links_by_sms ON links (realm_id, created_at) WHERE phone IS NOT NULL;

-- True if another SMS may be sent: a day long no more than 5 to a number, 20 for an address and 5000 in the realm. Codes and links cost the
-- same, and count together.
CREATE FUNCTION may_be_paid_for(of_realm uuid, to_phone text, from_address text, at timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN 5 > (
        SELECT count(*)
        FROM phone_codes
        WHERE phone_codes.realm_id = of_realm
          AND phone_codes.phone = to_phone
          AND phone_codes.created_at > at - interval '1 day'
    ) + (
        SELECT count(*)
        FROM links
        WHERE links.realm_id = of_realm
          AND links.phone = to_phone
          AND links.created_at > at - interval '1 day'
    ) AND 20 > (
        SELECT count(*)
        FROM phone_codes
        WHERE phone_codes.realm_id = of_realm
          AND phone_codes.client_address = from_address
          AND phone_codes.created_at > at - interval '1 day'
    ) + (
        SELECT count(*)
        FROM links
        WHERE links.realm_id = of_realm
          AND links.phone IS NOT NULL
          AND links.client_address = from_address
          AND links.created_at > at - interval '1 day'
    ) AND 5000 > (
        SELECT count(*)
        FROM phone_codes
        WHERE phone_codes.realm_id = of_realm
          AND phone_codes.created_at > at - interval '1 day'
    ) + (
        SELECT count(*)
        FROM links
        WHERE links.realm_id = of_realm
          AND links.phone IS NOT NULL
          AND links.created_at > at - interval '1 day'
    );
END;
$$;

-- As before, but that links by SMS count as codes do, each day.
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
    ) AND may_be_paid_for(of_realm, to_phone, from_address, at);
END;
$$;

-- True if a user may be sent a link by SMS now: as often as he may be mailed one, links of both kinds counted together, and as long as SMS
-- may be paid for. His row is locked before anything is counted.
CREATE FUNCTION may_be_texted_a_link(of_realm uuid, of_user uuid, to_phone text, from_address text, at timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF NOT may_be_mailed(of_realm, of_user, at) THEN
        RETURN false;
    END IF;
    RETURN may_be_paid_for(of_realm, to_phone, from_address, at);
END;
$$;
