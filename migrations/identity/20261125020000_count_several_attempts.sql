-- Counts several attempts at once, as `begin_attempt` counts one: all of them, or none (I8, I23). The release before goes on with the other.
CREATE FUNCTION begin_attempts(
    of_realm uuid, what text, subjects bytea[], limits integer[], windows interval[], times integer, at timestamptz
) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    wait_until timestamptz;
BEGIN
    SELECT max(attempts.window_ends_at) INTO wait_until
    FROM unnest(subjects, limits) AS asked (subject, most)
    JOIN attempts ON attempts.realm_id = of_realm AND attempts.guessed = what AND attempts.subject = asked.subject
    WHERE attempts.counted + times > asked.most
      AND attempts.window_ends_at > at;
    IF wait_until IS NOT NULL THEN
        RETURN wait_until;
    END IF;

    INSERT INTO attempts (realm_id, guessed, subject, counted, window_ends_at)
    SELECT of_realm, what, asked.subject, times, at + asked.lasts
    FROM unnest(subjects, windows) AS asked (subject, lasts)
    ORDER BY asked.subject
    ON CONFLICT (realm_id, guessed, subject) DO UPDATE
    SET counted = CASE WHEN attempts.window_ends_at > at THEN attempts.counted + times ELSE times END,
        window_ends_at = CASE WHEN attempts.window_ends_at > at THEN attempts.window_ends_at ELSE excluded.window_ends_at END;

    SELECT max(attempts.window_ends_at) INTO wait_until
    FROM unnest(subjects, limits) AS asked (subject, most)
    JOIN attempts ON attempts.realm_id = of_realm AND attempts.guessed = what AND attempts.subject = asked.subject
    WHERE attempts.counted > asked.most;
    IF wait_until IS NOT NULL THEN
        -- These rows are ours until the end of the statement.
        UPDATE attempts
        SET counted = counted - times
        WHERE attempts.realm_id = of_realm
          AND attempts.guessed = what
          AND attempts.subject = ANY (subjects);
    END IF;
    RETURN wait_until;
END;
$$;
