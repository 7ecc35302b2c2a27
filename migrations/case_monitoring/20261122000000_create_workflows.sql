-- The workflow of a realm: copied from the realm's preset when the realm is first met, the realm's own from then on.
CREATE TABLE workflows (
    realm_id       uuid    PRIMARY KEY,
    -- What it was copied from. A later release of the preset changes no realm.
    preset         text    NOT NULL,
    preset_version integer NOT NULL,
    -- Grows by one with every replacement.
    version        bigint  NOT NULL,
    -- [{code, category, label, requester_label, moves_to}], in the realm's order; a case begins in the first.
    statuses       jsonb   NOT NULL
);

-- The lock between those who write a realm's cases and whoever replaces its workflow: no case may get a status at the very
-- moment at which that status is left out. Who writes a case takes it shared, so that cases never wait for each other, and
-- it is no row, which every change of a case would have to write to (a foreign key would).
CREATE FUNCTION workflow_lock(realm uuid) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT
RETURN hashtextextended('workflow ' || realm::text, 0);

-- Whether the workflow has this version; if so, it keeps it to the end of the asking transaction.
--
-- A function, because the statement that asks sees the rows as they were before it waited for the lock; a query in a volatile
-- function sees those that are there now.
CREATE FUNCTION workflow_stands(realm uuid, expected bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(workflow_lock(realm));
    PERFORM 1 FROM workflows WHERE realm_id = realm AND version = expected;
    RETURN FOUND;
END $$;

-- The statuses that cases of the realm have and that are not among `kept`; no case gets one, and nobody else replaces the
-- workflow, to the end of the asking transaction. A function for the same reason.
CREATE FUNCTION workflow_statuses_in_use(realm uuid, kept text[]) RETURNS text[]
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(workflow_lock(realm));
    RETURN ARRAY(
        -- Only statuses that leave are looked for: new labels and moves cost no look at the cases.
        SELECT entry.status ->> 'code'
        FROM workflows
        CROSS JOIN jsonb_array_elements(workflows.statuses) WITH ORDINALITY AS entry (status, place)
        WHERE workflows.realm_id = realm
          AND NOT entry.status ->> 'code' = ANY (kept)
          AND EXISTS (SELECT FROM cases WHERE cases.realm_id = realm AND cases.status = entry.status ->> 'code')
        ORDER BY entry.place
    );
END $$;
