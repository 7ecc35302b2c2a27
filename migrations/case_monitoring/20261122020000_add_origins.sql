-- Where a case comes from, if it began elsewhere: the source, what the source calls it, and how far the source's account of it
-- has been taken. The index holds none of what a change writes, so that changes stay on their page (HOT).
ALTER TABLE cases
    ADD COLUMN source          text,
    ADD COLUMN external_id     text,
    ADD COLUMN source_position bigint,
    ADD CONSTRAINT cases_origin_whole CHECK (num_nulls(source, external_id, source_position) IN (0, 3)) NOT VALID;

CREATE UNIQUE INDEX cases_origin_taken ON cases (realm_id, source, external_id) WHERE source IS NOT NULL;

-- `changed_at` is when a change was made here, since ticks count as they stood then.
ALTER TABLE case_history
    -- When it happened by the source's account; empty: as it was made.
    ADD COLUMN source_time timestamptz,
    -- Nobody was to be told of it.
    ADD COLUMN silent      boolean NOT NULL DEFAULT false;
