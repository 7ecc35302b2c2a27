-- From whom access was taken back. Numbered in the order of commits: the number is drawn under a row lock that is held to
-- the commit, so that a reader who has seen a number has seen every lower one.
CREATE TABLE revocation_counter (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    last    bigint  NOT NULL
);
INSERT INTO revocation_counter (last) VALUES (0);

CREATE TABLE revocations (
    number     bigint      PRIMARY KEY,
    -- A user, a session or a credential.
    subject_id uuid        NOT NULL,
    -- Tokens of lower generations are void.
    generation bigint      NOT NULL,
    revoked_at timestamptz NOT NULL
);
CREATE INDEX revocations_of_subject ON revocations (subject_id);

-- The only way to take access back: called in the statement that changes whatever it follows from.
CREATE FUNCTION revoke_access(subject_id uuid, generation bigint, revoked_at timestamptz) RETURNS void
LANGUAGE sql
BEGIN ATOMIC
    WITH next AS (
        UPDATE revocation_counter SET last = last + 1 RETURNING last
    )
    INSERT INTO revocations (number, subject_id, generation, revoked_at)
    SELECT next.last, revoke_access.subject_id, revoke_access.generation, revoke_access.revoked_at
    FROM next;
END;
