-- Attempts at secrets, counted together by address, by account and by device (I23). Whose they are is kept as a keyed hash: it is
-- counted alike for accounts that there are not.
CREATE TABLE attempts (
    realm_id       uuid        NOT NULL,
    -- What is guessed: each kind of secret is counted apart.
    guessed        text        NOT NULL,
    subject        bytea       NOT NULL,
    counted        integer     NOT NULL,
    window_ends_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, guessed, subject)
) WITH (fillfactor = 70);
CREATE INDEX attempts_by_end ON attempts (window_ends_at);

-- Counts an attempt for every subject, or for none: then some limit is reached, and the answer is until when. What is known to be at
-- its limit is not touched; what was taken beyond it by another attempt of the same moment is given back. Each subject is locked in
-- one order, so that attempts do not wait for each other in a circle.
CREATE FUNCTION begin_attempt(
    of_realm uuid, what text, subjects bytea[], limits integer[], windows interval[], at timestamptz
) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    wait_until timestamptz;
BEGIN
    SELECT max(attempts.window_ends_at) INTO wait_until
    FROM unnest(subjects, limits) AS asked (subject, most)
    JOIN attempts ON attempts.realm_id = of_realm AND attempts.guessed = what AND attempts.subject = asked.subject
    WHERE attempts.counted >= asked.most
      AND attempts.window_ends_at > at;
    IF wait_until IS NOT NULL THEN
        RETURN wait_until;
    END IF;

    INSERT INTO attempts (realm_id, guessed, subject, counted, window_ends_at)
    SELECT of_realm, what, asked.subject, 1, at + asked.lasts
    FROM unnest(subjects, windows) AS asked (subject, lasts)
    ORDER BY asked.subject
    ON CONFLICT (realm_id, guessed, subject) DO UPDATE
    SET counted = CASE WHEN attempts.window_ends_at > at THEN attempts.counted + 1 ELSE 1 END,
        window_ends_at = CASE WHEN attempts.window_ends_at > at THEN attempts.window_ends_at ELSE excluded.window_ends_at END;

    SELECT max(attempts.window_ends_at) INTO wait_until
    FROM unnest(subjects, limits) AS asked (subject, most)
    JOIN attempts ON attempts.realm_id = of_realm AND attempts.guessed = what AND attempts.subject = asked.subject
    WHERE attempts.counted > asked.most;
    IF wait_until IS NOT NULL THEN
        -- These rows are ours until the end of the statement.
        UPDATE attempts
        SET counted = counted - 1
        WHERE attempts.realm_id = of_realm
          AND attempts.guessed = what
          AND attempts.subject = ANY (subjects);
    END IF;
    RETURN wait_until;
END;
$$;
