-- Names that are suggested are looked up one by one.
DROP INDEX users_by_name_stem;
