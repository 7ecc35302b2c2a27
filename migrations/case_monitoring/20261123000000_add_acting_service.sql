ALTER TABLE case_history
    -- The credential of the machine that called in the name of whoever made the change; empty: he called himself.
    ADD COLUMN acting_service uuid;
