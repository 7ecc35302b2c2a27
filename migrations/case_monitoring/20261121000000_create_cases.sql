-- Cases. Realm-owned: every key starts with the realm. Room is left in each page and the status has no index, so that a
-- status change stays on its page (HOT).
CREATE TABLE cases (
    realm_id     uuid        NOT NULL,
    case_id      uuid        NOT NULL,
    company_id   uuid        NOT NULL,
    number       bigint      NOT NULL,
    kind         text        NOT NULL,
    subject      text        NOT NULL,
    status       text        NOT NULL,
    requester_id uuid        NOT NULL,
    version      bigint      NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    PRIMARY KEY (realm_id, case_id),
    CONSTRAINT cases_number_taken UNIQUE (realm_id, number)
) WITH (fillfactor = 70);

-- The last case number given in a realm. Numbers count a realm's own cases, since they are shown; gaps are no harm.
CREATE TABLE case_numbers (
    realm_id uuid   PRIMARY KEY,
    last     bigint NOT NULL
);

-- Every change of a case from its first day: who, when, old and new. Append-only.
CREATE TABLE case_history (
    realm_id   uuid        NOT NULL,
    case_id    uuid        NOT NULL,
    -- The case's version after the change.
    version    bigint      NOT NULL,
    changed_at timestamptz NOT NULL,
    -- A user's id, or the name of a realm's service.
    changed_by text        NOT NULL,
    -- Empty: the case was created.
    old_status text,
    new_status text        NOT NULL,
    PRIMARY KEY (realm_id, case_id, version)
);
