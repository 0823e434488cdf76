CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    started TEXT NOT NULL,
    pid INTEGER NOT NULL,
    birth TEXT
) STRICT;

CREATE TABLE runs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    session TEXT NOT NULL REFERENCES sessions (id),
    started TEXT NOT NULL,
    finished TEXT,
    status TEXT NOT NULL CHECK (status IN ('running', 'done', 'interrupted')),
    -- As decimal text: a seed has 64 bits without a sign, an INTEGER has one.
    seed TEXT NOT NULL,
    pack TEXT NOT NULL,
    question TEXT NOT NULL,
    question_text TEXT NOT NULL,
    model_name TEXT NOT NULL,
    model_sha256 TEXT,
    model_path TEXT NOT NULL,
    engine_class TEXT NOT NULL,
    engine_profile TEXT NOT NULL,
    head TEXT NOT NULL,
    timing TEXT
) STRICT;

CREATE INDEX runs_by_start ON runs (started DESC, number DESC);
CREATE INDEX runs_by_question ON runs (question, pack, started DESC, number DESC);
CREATE INDEX runs_by_model ON runs (model_name, started DESC, number DESC);
CREATE INDEX runs_by_checksum ON runs (model_sha256, started DESC, number DESC);
CREATE INDEX runs_by_session ON runs (session);
CREATE INDEX runs_open ON runs (session) WHERE status = 'running';

CREATE TABLE panes (
    run INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE,
    pane INTEGER NOT NULL,
    mode TEXT NOT NULL,
    method TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('running', 'done', 'failed', 'cancelled', 'skipped')),
    -- The pane without its voices.
    result TEXT,
    PRIMARY KEY (run, pane)
) STRICT;

CREATE TABLE voices (
    -- Counts up in the order in which voices were started.
    number INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    pane INTEGER NOT NULL,
    voice TEXT NOT NULL,
    persona TEXT,
    text TEXT NOT NULL DEFAULT '',
    -- All NULL until the voice is done.
    tokens INTEGER,
    finish TEXT,
    -- The voice without its text.
    detail TEXT,
    ended_at TEXT,
    -- Where it stands in its pane; NULL for a voice the pane does not show.
    place INTEGER,
    UNIQUE (run, pane, voice),
    FOREIGN KEY (run, pane) REFERENCES panes (run, pane) ON DELETE CASCADE
) STRICT;

CREATE TABLE prompts (
    number INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    pane INTEGER NOT NULL,
    purpose TEXT NOT NULL,
    text TEXT NOT NULL,
    tokens INTEGER NOT NULL,
    FOREIGN KEY (run, pane) REFERENCES panes (run, pane) ON DELETE CASCADE
) STRICT;

CREATE INDEX prompts_by_pane ON prompts (run, pane);

-- Numbers that came in before their pane was done; afterwards they stand in its result.
CREATE TABLE measures (
    number INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    pane INTEGER NOT NULL,
    detail TEXT NOT NULL,
    FOREIGN KEY (run, pane) REFERENCES panes (run, pane) ON DELETE CASCADE
) STRICT;

CREATE INDEX measures_by_pane ON measures (run, pane);
