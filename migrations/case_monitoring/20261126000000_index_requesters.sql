-- Whoever is erased is found in the cases he asked for.
CREATE INDEX cases_of_requester ON cases (realm_id, requester_id);
