-- What the run is the answer to; NULL in runs of earlier versions.
ALTER TABLE runs ADD COLUMN fingerprint TEXT;
CREATE INDEX runs_by_fingerprint ON runs (fingerprint, number DESC) WHERE fingerprint IS NOT NULL;
