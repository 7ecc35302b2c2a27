-- Also of links that were mailed it is known now from where they were asked for. Invitations, which only an OWNER asks for, and links to
-- set a password, which anybody does, are counted apart: 10 of each a day and one a minute. Of the latter 3 a day are asked for from one
-- address, so that no stranger uses up what somebody may ask for himself. The user's row is locked first, so that of many who ask at once
-- one is told yes.
CREATE FUNCTION may_be_mailed(of_realm uuid, of_user uuid, with_purpose text, from_address text, at timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM 1
    FROM users
    WHERE users.realm_id = of_realm
      AND users.user_id = of_user
    FOR UPDATE;
    RETURN (
        SELECT count(*) < 10
            AND count(*) FILTER (WHERE links.created_at > at - interval '1 minute') = 0
            AND (
                with_purpose = 'INVITATION'
                OR count(*) FILTER (WHERE links.client_address IS NOT DISTINCT FROM from_address) < 3
            )
        FROM links
        WHERE links.realm_id = of_realm
          AND links.user_id = of_user
          AND links.purpose = with_purpose
          AND links.created_at > at - interval '1 day'
    );
END;
$$;

-- As before, by the new limits of mail.
CREATE OR REPLACE FUNCTION may_be_texted_a_link(of_realm uuid, of_user uuid, to_phone text, from_address text, at timestamptz)
RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF NOT may_be_mailed(of_realm, of_user, 'PASSWORD_RESET', from_address, at) THEN
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

-- As before; 8 a day go to an address, of which one user asks for 5 at the most, and of many users who ask at once each sees the others.
CREATE OR REPLACE FUNCTION may_be_asked(of_realm uuid, of_user uuid, at_address text, at timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM 1
    FROM users
    WHERE users.realm_id = of_realm
      AND users.user_id = of_user
    FOR UPDATE;
    PERFORM pg_advisory_xact_lock(hashtextextended('address to be confirmed ' || of_realm || ' ' || at_address, 0));
    RETURN (
        SELECT count(*) < 10 AND count(*) FILTER (WHERE email_changes.created_at > at - interval '1 minute') = 0
        FROM email_changes
        WHERE email_changes.realm_id = of_realm
          AND email_changes.user_id = of_user
          AND email_changes.created_at > at - interval '1 day'
    ) AND (
        SELECT count(*) < 8 AND count(*) FILTER (WHERE email_changes.user_id = of_user) < 5
        FROM email_changes
        WHERE email_changes.realm_id = of_realm
          AND email_changes.email_key = at_address
          AND email_changes.created_at > at - interval '1 day'
    );
END;
$$;

-- As before; 8 a day go to a number, of which one user asks for 5 at the most, and all who ask for codes in the realm come one after the
-- other: what somebody is sent counts for everybody behind him.
CREATE OR REPLACE FUNCTION may_be_texted(of_realm uuid, of_user uuid, to_phone text, from_address text, at timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM 1
    FROM users
    WHERE users.realm_id = of_realm
      AND users.user_id = of_user
    FOR UPDATE;
    PERFORM pg_advisory_xact_lock(hashtextextended('codes by SMS ' || of_realm, 0));
    RETURN (
        SELECT count(*) < 10 AND count(*) FILTER (WHERE phone_codes.created_at > at - interval '1 minute') = 0
        FROM phone_codes
        WHERE phone_codes.realm_id = of_realm
          AND phone_codes.user_id = of_user
          AND phone_codes.created_at > at - interval '1 day'
    ) AND (
        SELECT count(*) < 8 AND count(*) FILTER (WHERE phone_codes.user_id = of_user) < 5
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
