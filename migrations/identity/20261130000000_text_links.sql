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

-- True if a user may be sent a link by SMS now: as often as he may be mailed one, links of both kinds counted together; and a day long no
-- more than 5 to a number, 3 of them asked for from one address, 20 from one address, and 1000 in the realm. Codes have limits of their
-- own: neither keeps the other from anybody, nor tells of it. The user's row is locked before anything is counted, and after it all who
-- text links in the realm come one after the other.
CREATE FUNCTION may_be_texted_a_link(of_realm uuid, of_user uuid, to_phone text, from_address text, at timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF NOT may_be_mailed(of_realm, of_user, at) THEN
        RETURN false;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('links by SMS ' || of_realm, 0));
    RETURN (
        SELECT count(*) < 5 AND count(*) FILTER (WHERE links.client_address = from_address) < 3
        FROM links
        WHERE links.realm_id = of_realm
          AND links.phone = to_phone
          AND links.created_at > at - interval '1 day'
    ) AND 20 > (
        SELECT count(*)
        FROM links
        WHERE links.realm_id = of_realm
          AND links.phone IS NOT NULL
          AND links.client_address = from_address
          AND links.created_at > at - interval '1 day'
    ) AND 1000 > (
        SELECT count(*)
        FROM links
        WHERE links.realm_id = of_realm
          AND links.phone IS NOT NULL
          AND links.created_at > at - interval '1 day'
    );
END;
$$;
