-- Whoever is given what is kept of him is found in what he has changed, in the order in which he reads it.
CREATE INDEX case_history_of_changer ON case_history (realm_id, changed_by, case_id, version);
