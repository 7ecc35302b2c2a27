-- Whoever waits for a workflow to be replaced holds a connection: not for longer than his caller is patient.
ALTER FUNCTION workflow_stands(uuid, bigint) SET lock_timeout = '3s';
ALTER FUNCTION workflow_statuses_in_use(uuid, text[]) SET lock_timeout = '3s';
