-- Ids are UUIDs as hyphenated text and instants microseconds since 1970 (UTC), as in the other store: what is compared and told is the same to the
-- byte, whatever a session's zone or locale is. Text is compared by its bytes. JSON is kept as text, for its hash names it. Hot tables (due, planned,
-- queue) have numbers for keys, and room in their pages for what is written again and again.

CREATE TABLE meta (
    key   TEXT COLLATE "C" PRIMARY KEY,
    value BYTEA NOT NULL
);

-- Who is on a list of mail: rows beside the definition, so that a change of one person writes a row.
CREATE TABLE lists (
    id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The schedule; or the run that has a list of its own, which goes with it. No reference for that.
    holder   TEXT COLLATE "C" NOT NULL UNIQUE,
    -- Counts how often it changed.
    revision BIGINT NOT NULL
);

CREATE TABLE list_places (
    list         BIGINT NOT NULL REFERENCES lists (id) ON DELETE CASCADE,
    -- 0 for recipients, 1 for open copies, 2 for hidden ones.
    part         BIGINT NOT NULL,
    -- Orders a part.
    place        BIGINT NOT NULL,
    -- The first revision that has this place, and the first that has it no more.
    since        BIGINT NOT NULL,
    until        BIGINT,
    recipient_id TEXT COLLATE "C" NOT NULL,
    email        TEXT COLLATE "C" NOT NULL,
    -- A member or somebody without a login.
    member       TEXT COLLATE "C",
    user_id      TEXT COLLATE "C",
    -- On the list for their own rows only: subscribed, or named under the organization's policy.
    own_rows     BIGINT NOT NULL,
    PRIMARY KEY (list, part, place, since),
    CHECK ((member IS NULL) <> (user_id IS NULL))
);
CREATE INDEX list_places_past ON list_places (list, until) WHERE until IS NOT NULL;
CREATE INDEX list_places_of_member ON list_places (member, email) WHERE member IS NOT NULL AND until IS NULL;

-- What a schedule does, by the SHA-256 of its JSON and of which revision of which list of mail it has. A run names the definition it was promised with, so that history shows what was
-- delivered then without a copy in every run. Rows are never changed, and go with the last row that names them.
CREATE TABLE definitions (
    id       TEXT COLLATE "C" PRIMARY KEY,
    json     TEXT NOT NULL,
    name     TEXT GENERATED ALWAYS AS (json::jsonb ->> 'name') STORED,
    is_alert BOOLEAN GENERATED ALWAYS AS ((json::jsonb -> 'condition') IS NOT NULL AND json::jsonb -> 'condition' <> 'null'::jsonb) STORED,
    -- NULL when it is no mail, or was written by a version that left all of the list in the JSON.
    list     BIGINT REFERENCES lists (id),
    revision BIGINT
);
CREATE INDEX definitions_of_list ON definitions (list, revision) WHERE list IS NOT NULL;

-- What decides whether a schedule can run by the catalog, once however many schedules share it.
CREATE TABLE grounds (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identifier TEXT COLLATE "C" NOT NULL,
    owner      TEXT COLLATE "C" NOT NULL,
    -- Empty for the whole dashboard, and without a condition.
    tile       TEXT COLLATE "C" NOT NULL,
    watched    TEXT COLLATE "C" NOT NULL,
    -- The keys of filters that the schedule sets, as a JSON list.
    filters    TEXT COLLATE "C" NOT NULL
);
-- By a hash of the filters: there is no bound to their length.
CREATE UNIQUE INDEX grounds_parts ON grounds (identifier, owner, tile, watched, hashtextextended(filters, 0));

CREATE TABLE schedules (
    id                     TEXT COLLATE "C" PRIMARY KEY,
    version                BIGINT NOT NULL,
    definition_id          TEXT COLLATE "C" NOT NULL REFERENCES definitions (id),
    sealed                 BYTEA,
    created_at             BIGINT NOT NULL,
    updated_at             BIGINT NOT NULL,
    disabled_at            BIGINT,
    system_disabled_at     BIGINT,
    system_disabled_reason TEXT COLLATE "C",
    last_status            TEXT COLLATE "C",
    last_completed_at      BIGINT,
    -- Whether an alert's condition held is told only to those to whom the judged rows are open; what others are told stands beside how it was.
    last_known_to          TEXT COLLATE "C" NOT NULL DEFAULT 'readers' CHECK (last_known_to IN ('readers', 'owner', 'admins')),
    told_status            TEXT COLLATE "C",
    told_at                BIGINT,
    grounds                BIGINT REFERENCES grounds (id),
    -- Below: what the list filters, searches and sorts by, derived from the definition and the catalog.
    destination            TEXT COLLATE "C" NOT NULL,
    alert                  BOOLEAN NOT NULL,
    single_tile            BOOLEAN NOT NULL,
    owner                  TEXT COLLATE "C" NOT NULL,
    identifier             TEXT COLLATE "C" NOT NULL,
    recipient_count        BIGINT NOT NULL,
    condition_query        TEXT,
    dashboard_name         TEXT COLLATE "C" NOT NULL,
    owner_name             TEXT COLLATE "C" NOT NULL,
    name_key               BYTEA NOT NULL,
    dashboard_key          BYTEA NOT NULL,
    owner_key              BYTEA NOT NULL,
    name_folded            TEXT COLLATE "C" NOT NULL,
    dashboard_folded       TEXT COLLATE "C" NOT NULL,
    owner_folded           TEXT COLLATE "C" NOT NULL,
    CHECK ((system_disabled_at IS NULL) = (system_disabled_reason IS NULL)),
    CHECK ((last_status IS NULL) = (last_completed_at IS NULL))
);

-- Ties go by id upwards in both directions, so that each direction has an index of its own.
CREATE INDEX schedules_name_up ON schedules (name_key, id);
CREATE INDEX schedules_name_down ON schedules (name_key DESC, id);
CREATE INDEX schedules_dashboard_up ON schedules (dashboard_key, id);
CREATE INDEX schedules_dashboard_down ON schedules (dashboard_key DESC, id);
CREATE INDEX schedules_owner_up ON schedules (owner_key, id);
CREATE INDEX schedules_owner_down ON schedules (owner_key DESC, id);
CREATE INDEX schedules_last_run_up ON schedules ((last_completed_at IS NULL), last_completed_at, id);
CREATE INDEX schedules_last_run_down ON schedules ((last_completed_at IS NULL), last_completed_at DESC, id);
CREATE INDEX schedules_last_status_up ON schedules ((last_status IS NULL), last_status, id);
CREATE INDEX schedules_last_status_down ON schedules ((last_status IS NULL), last_status DESC, id);
CREATE INDEX schedules_told_at_up ON schedules ((told_at IS NULL), told_at, id);
CREATE INDEX schedules_told_at_down ON schedules ((told_at IS NULL), told_at DESC, id);
CREATE INDEX schedules_told_status_up ON schedules ((told_status IS NULL), told_status, id);
CREATE INDEX schedules_told_status_down ON schedules ((told_status IS NULL), told_status DESC, id);

CREATE INDEX schedules_filters ON schedules (destination, alert, single_tile, last_status, told_status, owner, identifier, id);
CREATE INDEX schedules_by_owner ON schedules (owner, id);
CREATE INDEX schedules_by_identifier ON schedules (identifier, id);
CREATE INDEX schedules_by_grounds ON schedules (grounds, (system_disabled_at IS NULL), id);
CREATE INDEX schedules_of_definition ON schedules (definition_id);
-- Which names the list has of each document and owner is found by walking from one to the next.
CREATE INDEX schedules_dashboard_names ON schedules (identifier, dashboard_name);
CREATE INDEX schedules_owner_names ON schedules (owner, owner_name);

CREATE TABLE schedule_recipients (
    schedule_id  TEXT COLLATE "C" NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    email_folded TEXT COLLATE "C" NOT NULL,
    recipient_id TEXT COLLATE "C" NOT NULL,
    -- The email-only user; NULL for a member.
    user_id      TEXT COLLATE "C",
    PRIMARY KEY (schedule_id, email_folded)
);
CREATE INDEX schedule_recipients_by_address ON schedule_recipients (email_folded, schedule_id);
CREATE INDEX schedule_recipients_by_user ON schedule_recipients (user_id, schedule_id) WHERE user_id IS NOT NULL;

-- Who has left a list since its definition was written: a row beside it, and not another text that may name tens of thousands.
CREATE TABLE departures (
    schedule_id   TEXT COLLATE "C" NOT NULL,
    definition_id TEXT COLLATE "C" NOT NULL REFERENCES definitions (id) ON DELETE CASCADE,
    recipient_id  TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (schedule_id, definition_id, recipient_id)
);
CREATE INDEX departures_of_definition ON departures (definition_id);

-- Addresses that unsubscribed (P12): groups do not bring them back.
CREATE TABLE opt_outs (
    schedule_id  TEXT COLLATE "C" NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    email_folded TEXT COLLATE "C" NOT NULL,
    at           BIGINT NOT NULL,
    PRIMARY KEY (schedule_id, email_folded)
);

-- A schedule that its owner wants to give to somebody else.
CREATE TABLE ownership_offers (
    schedule_id TEXT COLLATE "C" PRIMARY KEY REFERENCES schedules (id) ON DELETE CASCADE,
    from_owner  TEXT COLLATE "C" NOT NULL,
    to_owner    TEXT COLLATE "C" NOT NULL,
    -- What was shown with the offer; it is void when the schedule is another.
    terms       TEXT NOT NULL,
    offered_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL
);

-- A member who asks the owner of a schedule to be on its list.
CREATE TABLE subscription_requests (
    id           TEXT COLLATE "C" PRIMARY KEY,
    schedule_id  TEXT COLLATE "C" NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    member       TEXT COLLATE "C" NOT NULL,
    owner        TEXT COLLATE "C" NOT NULL,
    token_sha256 BYTEA NOT NULL,
    requested_at BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    -- Set when the owner said no; kept until it lapses, so that asking again and again is no nuisance.
    declined_at  BIGINT,
    UNIQUE (schedule_id, member)
);

-- An expression in a zone, once however many schedules have it.
CREATE TABLE timings (
    id   BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cron TEXT COLLATE "C" NOT NULL,
    zone TEXT COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX timings_parts ON timings (cron, zone);

-- Owners and documents by number.
CREATE TABLE lane_names (
    id   BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE
);

-- When schedules come due: all that planning reads and writes. The row is also what whoever plans, releases or changes a schedule holds.
CREATE TABLE due (
    -- Never given twice, so that a plan that is late cannot hit another schedule.
    k               BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    schedule_id     TEXT COLLATE "C" NOT NULL UNIQUE REFERENCES schedules (id) ON DELETE CASCADE,
    timing          BIGINT NOT NULL REFERENCES timings (id),
    -- Counts every change of what is planned that planning itself did not make.
    revision        BIGINT NOT NULL DEFAULT 1,
    -- The next instant that is not planned yet; NULL when there is none, or the schedule is off.
    next_at         BIGINT,
    -- Every instant up to this one has been dealt with: planned, missed, or before the schedule was what it is.
    planned_through BIGINT NOT NULL,
    -- Since when it has fired as it does, by the clock of whoever made, retimed or resumed it.
    fires_from      BIGINT NOT NULL DEFAULT 0,
    owner           BIGINT NOT NULL DEFAULT 0,
    document        BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 70);
CREATE INDEX due_next ON due (next_at, k) WHERE next_at IS NOT NULL;

-- Occurrences that become ready at their instant: planned a little ahead, taken back when the schedule changes before.
CREATE TABLE planned (
    k   BIGINT NOT NULL REFERENCES due (k) ON DELETE CASCADE,
    at  BIGINT NOT NULL,
    dst TEXT,
    PRIMARY KEY (k, at)
);
CREATE INDEX planned_at ON planned (at, k);

-- Versions of the catalog that processes have read, in the order in which they were first seen.
CREATE TABLE catalog_versions (
    id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hash      TEXT COLLATE "C" NOT NULL UNIQUE,
    documents BIGINT NOT NULL,
    loaded_at BIGINT NOT NULL
);

-- The one in force: the newest, unless somebody has gone back to another.
CREATE TABLE catalog_in_force (
    "only"  BIGINT PRIMARY KEY CHECK ("only" = 1),
    version BIGINT NOT NULL REFERENCES catalog_versions (id),
    since   BIGINT NOT NULL
);

-- Which process has which. A process that was not seen for a while is gone.
CREATE TABLE catalog_readers (
    process TEXT COLLATE "C" PRIMARY KEY,
    version BIGINT NOT NULL REFERENCES catalog_versions (id),
    seen_at BIGINT NOT NULL
);

-- What the files of published versions say, so that every node can serve them (P7). Files that did not change are kept once.
CREATE TABLE catalog_texts (
    hash TEXT COLLATE "C" PRIMARY KEY,
    text TEXT NOT NULL
);

CREATE TABLE catalog_files (
    version BIGINT NOT NULL REFERENCES catalog_versions (id) ON DELETE CASCADE,
    path    TEXT COLLATE "C" NOT NULL,
    text    TEXT COLLATE "C" NOT NULL REFERENCES catalog_texts (hash),
    PRIMARY KEY (version, path)
);

CREATE INDEX catalog_files_text ON catalog_files (text);

-- Each time that somebody published a version; the last one counts. NULL: nothing is published any more, and nodes go by their own folders.
CREATE TABLE catalog_publications (
    id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version BIGINT REFERENCES catalog_versions (id),
    at      BIGINT NOT NULL,
    published_by TEXT NOT NULL
);

-- No foreign key to schedules: history outlives them (X9). Ids sort by time, so that history can be parted by ranges of them.
CREATE TABLE runs (
    id                 TEXT COLLATE "C" PRIMARY KEY,
    schedule_id        TEXT COLLATE "C" NOT NULL,
    definition_id      TEXT COLLATE "C" NOT NULL REFERENCES definitions (id),
    sealed             BYTEA,
    kind               TEXT COLLATE "C" NOT NULL CHECK (kind IN ('scheduled', 'manual', 'test', 'resend')),
    scheduled_for      BIGINT NOT NULL,
    dst                TEXT,
    owner              TEXT COLLATE "C" NOT NULL,
    identifier         TEXT COLLATE "C" NOT NULL,
    state              TEXT COLLATE "C" NOT NULL CHECK (state IN ('queued', 'running', 'skipped', 'ended')),
    available_at       BIGINT,
    worker             TEXT COLLATE "C",
    lease_until        BIGINT,
    fence              BIGINT NOT NULL DEFAULT 0,
    cancel_requested   BOOLEAN NOT NULL DEFAULT false,
    skip_reason        TEXT COLLATE "C",
    status             TEXT COLLATE "C",
    reason             TEXT,
    created_at         BIGINT NOT NULL,
    started_at         BIGINT,
    ended_at           BIGINT,
    -- From when on the age of a run counts that is kept for its schedule's sake; otherwise it counts from its end.
    ages_from          BIGINT,
    -- What the plan said of the occurrence, the first line of the timeline; its instant is `created_at`.
    plan_note          TEXT,
    -- Every piece is in the ledger since.
    promised_at        BIGINT,
    -- While audiences are being prepared: the last piece of those that are done. Later pieces are not owed yet.
    promised_to        BIGINT,
    -- The last claim that came further.
    progress_fence     BIGINT NOT NULL DEFAULT 0,
    -- Time that claims have worked, in microseconds.
    preparing          BIGINT NOT NULL DEFAULT 0,
    sending            BIGINT NOT NULL DEFAULT 0,
    query_failures     BIGINT NOT NULL DEFAULT 0,
    queries_fail_since BIGINT,
    held_since         BIGINT,
    -- Less was delivered than promised.
    degraded           BOOLEAN NOT NULL DEFAULT false,
    -- Why it waits for `available_at` after it began.
    waits_for          TEXT,
    error              TEXT,
    -- What is told of an alert's run to those who may not know how it went, as JSON.
    outline            TEXT,
    -- The run and the piece that a resend sends again.
    resend_of          TEXT COLLATE "C",
    resend_piece       TEXT COLLATE "C",
    -- A host key that a piece learnt, until the end hands it to the schedule.
    host_key           TEXT,
    -- The version in force when it was queued. No reference: versions go when there are too many of them.
    catalog_version    BIGINT,
    CHECK (state <> 'queued' OR available_at IS NOT NULL),
    CHECK (state <> 'running' OR (worker IS NOT NULL AND lease_until IS NOT NULL)),
    CHECK (state <> 'skipped' OR skip_reason IS NOT NULL),
    CHECK (state <> 'ended' OR (status IS NOT NULL AND ended_at IS NOT NULL))
) WITH (fillfactor = 80);

-- I1: an occurrence is one row, whoever inserts it.
CREATE UNIQUE INDEX runs_occurrence ON runs (schedule_id, scheduled_for) WHERE kind = 'scheduled';
-- I2, I3: at most one run of a schedule is under way.
CREATE UNIQUE INDEX runs_under_way ON runs (schedule_id) WHERE state IN ('queued', 'running') AND kind IN ('scheduled', 'manual');
CREATE INDEX runs_lease ON runs (worker, id) WHERE state = 'running';
CREATE INDEX runs_history ON runs (scheduled_for DESC, id DESC);
CREATE INDEX runs_of_schedule ON runs (schedule_id, scheduled_for DESC, id DESC);
CREATE INDEX runs_ended_of_schedule ON runs (schedule_id, scheduled_for DESC, id DESC) WHERE state = 'ended' AND kind IN ('scheduled', 'manual');
CREATE INDEX runs_failed_of_schedule ON runs (schedule_id, scheduled_for DESC, id DESC)
    WHERE state = 'ended' AND kind IN ('scheduled', 'manual') AND status IN ('ERROR', 'ERROR_DELIVERED', 'KILLED');
CREATE INDEX runs_by_age ON runs (coalesce(ages_from, ended_at, created_at)) WHERE state IN ('skipped', 'ended');
CREATE INDEX runs_of_definition ON runs (definition_id);
CREATE INDEX runs_resend_of ON runs (resend_of, created_at) WHERE resend_of IS NOT NULL;

-- The round that is being served: whoever queues a run comes in the next one, and not before it because something old waits for a retry.
CREATE TABLE queue_clock (
    "only" BIGINT PRIMARY KEY CHECK ("only" = 1),
    turn   BIGINT NOT NULL
) WITH (fillfactor = 10);
INSERT INTO queue_clock VALUES (1, 0);

-- Who waits for a worker: small rows, apart from history. An occurrence has no row of history until it is claimed, or somebody looks at it.
CREATE TABLE queue (
    id              BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- An occurrence without a row of history: its schedule, its instant and what is odd about that.
    k               BIGINT REFERENCES due (k) ON DELETE CASCADE,
    at              BIGINT,
    dst             TEXT,
    -- The version of the catalog in force at that instant.
    catalog_version BIGINT,
    -- Or a run that has one.
    run             TEXT COLLATE "C" REFERENCES runs (id) ON DELETE CASCADE,
    owner           BIGINT NOT NULL,
    document        BIGINT NOT NULL,
    -- It was claimed before.
    again           BOOLEAN NOT NULL DEFAULT false,
    -- Since when it may be claimed, or will.
    ready_at        BIGINT NOT NULL,
    -- The round in which its owner gets to it. NULL while it waits for `ready_at`: what waits is not among those that claims look at.
    turn            BIGINT,
    -- At which receiver a run waits that was put back because many do: it is called up when there is room, and comes by itself at `ready_at`.
    receiver        BIGINT,
    CHECK ((k IS NULL) <> (run IS NULL)),
    CHECK ((k IS NULL) = (at IS NULL)),
    CHECK (run IS NOT NULL OR turn IS NOT NULL)
);
CREATE UNIQUE INDEX queue_occurrence ON queue (k, at) WHERE k IS NOT NULL;
CREATE UNIQUE INDEX queue_run ON queue (run) WHERE run IS NOT NULL;
CREATE INDEX queue_ready ON queue (turn, ready_at, id) WHERE turn IS NOT NULL;
CREATE INDEX queue_of_document ON queue (document, turn, ready_at, id) WHERE turn IS NOT NULL;
CREATE INDEX queue_of_owner ON queue (owner, turn) WHERE turn IS NOT NULL;
CREATE INDEX queue_waiting ON queue (ready_at, id) WHERE turn IS NULL;
CREATE INDEX queue_of_receiver ON queue (receiver, ready_at, id) WHERE receiver IS NOT NULL AND turn IS NULL;

-- Workers that live, by the database's clock.
CREATE TABLE nodes (
    worker  TEXT COLLATE "C" PRIMARY KEY,
    seen_at BIGINT NOT NULL
);

-- Who does for all nodes what one does as well as many, and until when unless it is prolonged. Two at once would do no harm.
CREATE TABLE leads (
    what        TEXT COLLATE "C" PRIMARY KEY,
    node        TEXT COLLATE "C" NOT NULL,
    lease_until BIGINT NOT NULL
);

-- What all nodes together may have at once is divided among them. Nodes that hold something, by the database's clock.
CREATE TABLE share_holders (
    holder  TEXT COLLATE "C" PRIMARY KEY,
    seen_at BIGINT NOT NULL
);
CREATE TABLE shares (
    -- A data connection, a receiver, a relay.
    bound  TEXT COLLATE "C" NOT NULL,
    holder TEXT COLLATE "C" NOT NULL REFERENCES share_holders (holder) ON DELETE CASCADE,
    -- How many it may be using, and how many it would use.
    holds  BIGINT NOT NULL,
    wants  BIGINT NOT NULL,
    PRIMARY KEY (bound, holder)
) WITH (fillfactor = 50);
CREATE INDEX shares_of_holder ON shares (holder);

-- What all nodes together may do so often. Not logged, so that nobody waits for the disk: a crash of the database gives back what was used up.
CREATE UNLOGGED TABLE rates (
    rate    TEXT COLLATE "C" PRIMARY KEY,
    -- When the next one would be, were none saved up.
    next_at BIGINT NOT NULL,
    -- How many whoever came last got.
    taken   BIGINT NOT NULL
) WITH (fillfactor = 50);

-- The audiences of a run under way that are done: whoever goes on with it prepares only the others.
CREATE TABLE run_audiences (
    run_id  TEXT COLLATE "C" NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    -- What its queries know and in which zone; the same for the same people as long as nothing about them is changed.
    digest  TEXT COLLATE "C" NOT NULL,
    -- As findings and pieces name it.
    key     TEXT COLLATE "C" NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL,
    -- Of one that failed.
    reason  TEXT,
    error   TEXT,
    PRIMARY KEY (run_id, digest)
);

-- What there is most of is parted by the months of its ids, which begin with an instant: `other` has what belongs to no month that was made, and what stays of those
-- that went. Nothing refers to these tables, and they refer to nothing, so that a month goes without a look at others.

-- The timeline: lines of a claim, numbered in it.
CREATE TABLE run_events (
    run_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    at     BIGINT NOT NULL,
    event  TEXT NOT NULL,
    detail TEXT,
    PRIMARY KEY (run_id, number)
) PARTITION BY RANGE (run_id);
CREATE TABLE run_events_other PARTITION OF run_events DEFAULT;

-- What a run found: queries that ran, conditions that were judged, files that were made, warnings.
CREATE TABLE run_findings (
    run_id   TEXT COLLATE "C" NOT NULL,
    kind     TEXT COLLATE "C" NOT NULL CHECK (kind IN ('tile', 'condition', 'artifact', 'warning')),
    number   BIGINT NOT NULL,
    -- Whose it is; NULL for warnings.
    audience TEXT COLLATE "C",
    -- A query that failed.
    failed   BOOLEAN NOT NULL DEFAULT false,
    -- JSON.
    content  TEXT NOT NULL,
    PRIMARY KEY (run_id, kind, number)
) PARTITION BY RANGE (run_id);
CREATE TABLE run_findings_other PARTITION OF run_findings DEFAULT;

-- Artifacts are rows: what may be deleted is found by an index, and not by listing a folder of millions of files.
CREATE TABLE artifacts (
    sha256    TEXT COLLATE "C" PRIMARY KEY,
    -- When the last run that needed it ended; NULL while one does.
    needed_at BIGINT
);
CREATE INDEX artifacts_by_age ON artifacts (needed_at) WHERE needed_at IS NOT NULL;

-- Artifacts that runs need which are not over.
CREATE TABLE run_artifacts (
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    sha256 TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (run_id, sha256)
);
CREATE INDEX run_artifacts_by_file ON run_artifacts (sha256);

-- What pieces carry, by the SHA-256 of it; pieces of one audience share a row. Rows are never changed.
CREATE TABLE contents (
    run_id   TEXT COLLATE "C" NOT NULL,
    id       TEXT COLLATE "C" NOT NULL,
    artifact TEXT,
    message  TEXT NOT NULL,
    PRIMARY KEY (run_id, id)
) PARTITION BY RANGE (run_id);
CREATE TABLE contents_other PARTITION OF contents DEFAULT;

CREATE TABLE deliveries (
    id              TEXT COLLATE "C" PRIMARY KEY,
    run_id          TEXT COLLATE "C" NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    -- The order in which the run promised them.
    position        BIGINT NOT NULL,
    target          TEXT COLLATE "C" NOT NULL,
    audience        TEXT COLLATE "C" NOT NULL,
    content_id      TEXT COLLATE "C" NOT NULL,
    -- The one word of a message that is the recipient's own.
    unsubscribe     TEXT,
    idempotency_key TEXT NOT NULL,
    state           TEXT COLLATE "C" NOT NULL CHECK (state IN ('pending', 'accepted', 'failed', 'skipped')),
    not_before      BIGINT,
    settled_at      BIGINT,
    reason          TEXT,
    CHECK (state <> 'pending' OR not_before IS NOT NULL),
    CHECK (state NOT IN ('accepted', 'failed') OR settled_at IS NOT NULL),
    CHECK (state NOT IN ('failed', 'skipped') OR reason IS NOT NULL)
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX deliveries_target ON deliveries (run_id, target);
CREATE INDEX deliveries_of_run ON deliveries (run_id, position);
CREATE INDEX deliveries_owed ON deliveries (run_id, position) WHERE state = 'pending';

CREATE TABLE attempts (
    delivery_id TEXT COLLATE "C" NOT NULL,
    number      BIGINT NOT NULL,
    started_at  BIGINT NOT NULL,
    ended_at    BIGINT,
    outcome     TEXT,
    PRIMARY KEY (delivery_id, number)
) PARTITION BY RANGE (delivery_id);
CREATE TABLE attempts_other PARTITION OF attempts DEFAULT;

-- Watched results, by the SHA-256 of their text. Rows are never changed, and go with the last row that names them.
CREATE TABLE fingerprints (
    id   TEXT COLLATE "C" PRIMARY KEY,
    json TEXT NOT NULL
);

CREATE TABLE baselines (
    schedule_id    TEXT COLLATE "C" NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    audience       TEXT COLLATE "C" NOT NULL,
    fingerprint_id TEXT COLLATE "C" NOT NULL REFERENCES fingerprints (id),
    PRIMARY KEY (schedule_id, audience)
);
CREATE INDEX baselines_fingerprint ON baselines (fingerprint_id);

-- Baselines that wait for the end of their run.
CREATE TABLE run_baselines (
    run_id         TEXT COLLATE "C" NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    audience       TEXT COLLATE "C" NOT NULL,
    fingerprint_id TEXT COLLATE "C" NOT NULL REFERENCES fingerprints (id),
    moves          TEXT COLLATE "C" NOT NULL CHECK (moves IN ('always', 'onceDelivered')),
    -- The piece by which whoever it belongs to is told; NULL when anybody's does.
    told_by        TEXT COLLATE "C",
    PRIMARY KEY (run_id, audience)
);
CREATE INDEX run_baselines_fingerprint ON run_baselines (fingerprint_id);

-- What Pressrun itself has to say, to owners by mail and to the operator by webhook. An outbox of its own: it outlives runs and schedules,
-- and is sent whatever they do.
CREATE TABLE notices (
    id          TEXT COLLATE "C" PRIMARY KEY,
    kind        TEXT COLLATE "C" NOT NULL,
    schedule_id TEXT COLLATE "C" NOT NULL,
    run_id      TEXT COLLATE "C",
    -- An address, or 'operator'.
    recipient   TEXT COLLATE "C" NOT NULL,
    subject     TEXT NOT NULL,
    text        TEXT NOT NULL,
    body        TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    state       TEXT COLLATE "C" NOT NULL CHECK (state IN ('pending', 'accepted', 'failed', 'skipped')),
    -- While an attempt is under way: until when nobody else takes it.
    not_before  BIGINT,
    settled_at  BIGINT,
    reason      TEXT,
    -- JSON, oldest first.
    attempts    TEXT NOT NULL,
    ages_from   BIGINT,
    CHECK (state <> 'pending' OR not_before IS NOT NULL)
);
CREATE INDEX notices_due ON notices ((recipient = 'operator'), not_before, id) WHERE state = 'pending';
CREATE INDEX notices_of_run ON notices (run_id, created_at) WHERE run_id IS NOT NULL;
CREATE INDEX notices_owed ON notices (schedule_id, recipient, created_at) WHERE state = 'pending';
CREATE INDEX notices_by_age ON notices (coalesce(ages_from, created_at)) WHERE state <> 'pending';

-- Who was, or is about to be, told of a failure of a schedule and of no recovery since: one row each, whatever was said before.
CREATE TABLE alarms (
    schedule_id TEXT COLLATE "C" NOT NULL,
    -- An address, or 'operator'.
    recipient   TEXT COLLATE "C" NOT NULL,
    -- When there was first reason to.
    since       BIGINT NOT NULL,
    -- Whether a notice of it was accepted; until then the alarm goes when no notice gets through.
    told        BOOLEAN NOT NULL DEFAULT false,
    PRIMARY KEY (schedule_id, recipient)
);

-- Occurrences and runs that were not over when they should have been: told once, and once more when they are. Rows go when that is told.
CREATE TABLE overdue (
    schedule_id   TEXT COLLATE "C" NOT NULL,
    scheduled_for BIGINT NOT NULL,
    found_at      BIGINT NOT NULL,
    -- When it was seen to be over, and how it came out.
    over_at       BIGINT,
    outcome       TEXT COLLATE "C",
    -- When somebody was told that it is late.
    told_at       BIGINT,
    -- While somebody is being told: until when nobody else does that. 0 before the first time.
    hidden_until  BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (schedule_id, scheduled_for),
    CHECK ((over_at IS NULL) = (outcome IS NULL))
);

-- What came back of mail. One row for a piece (or notice) and what a report means for it: however often it comes back, these are few.
CREATE TABLE bounces (
    delivery_id TEXT COLLATE "C" NOT NULL,
    kind        TEXT COLLATE "C" NOT NULL CHECK (kind IN ('bounced', 'delayed', 'complaint')),
    -- The run goes, and with it what came back of it.
    run_id      TEXT COLLATE "C" REFERENCES runs (id) ON DELETE CASCADE,
    status      TEXT,
    words       TEXT NOT NULL,
    at          BIGINT NOT NULL,
    PRIMARY KEY (delivery_id, kind)
);
CREATE INDEX bounces_of_run ON bounces (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX bounces_of_notices ON bounces (at) WHERE run_id IS NULL;

-- No reference to runs or schedules: an address stays suppressed when they are gone.
CREATE TABLE suppressions (
    email_folded TEXT COLLATE "C" PRIMARY KEY,
    email        TEXT NOT NULL,
    kind         TEXT COLLATE "C" NOT NULL CHECK (kind IN ('bounced', 'complaint')),
    status       TEXT,
    words        TEXT NOT NULL,
    at           BIGINT NOT NULL,
    delivery_id  TEXT COLLATE "C" NOT NULL,
    run_id       TEXT COLLATE "C",
    schedule_id  TEXT COLLATE "C" NOT NULL
);

CREATE TABLE users_email_only (
    id           TEXT COLLATE "C" PRIMARY KEY,
    email        TEXT NOT NULL,
    email_folded TEXT COLLATE "C" NOT NULL UNIQUE,
    attributes   TEXT NOT NULL,
    created_at   BIGINT NOT NULL
);

CREATE TABLE api_keys (
    id           TEXT COLLATE "C" PRIMARY KEY,
    token_sha256 BYTEA NOT NULL UNIQUE,
    kind         TEXT COLLATE "C" NOT NULL,
    member       TEXT COLLATE "C" NOT NULL,
    name         TEXT NOT NULL,
    prefix       TEXT NOT NULL,
    scopes       TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT,
    last_used_at BIGINT,
    revoked_at   BIGINT
);
CREATE INDEX api_keys_of_member ON api_keys (member, created_at);

CREATE TABLE sessions (
    id              TEXT COLLATE "C" PRIMARY KEY,
    -- Of the random secret that the cookie holds.
    secret_sha256   BYTEA NOT NULL UNIQUE,
    key_id          TEXT COLLATE "C" REFERENCES api_keys (id) ON DELETE CASCADE,
    development_key TEXT,
    member          TEXT COLLATE "C" NOT NULL,
    created_at      BIGINT NOT NULL,
    seen_at         BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL,
    source          TEXT,
    browser         TEXT,
    CHECK ((key_id IS NULL) <> (development_key IS NULL))
);
CREATE INDEX sessions_of_member ON sessions (member, created_at);
CREATE INDEX sessions_of_key ON sessions (key_id) WHERE key_id IS NOT NULL;
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- Who changed what, written in the transaction of each change. Rows are never changed; they are deleted by age only.
CREATE TABLE audit (
    seq         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          BIGINT NOT NULL,
    agent       TEXT COLLATE "C" NOT NULL CHECK (agent IN ('organization', 'personal', 'recipient', 'commandLine', 'system', 'unknown')),
    member      TEXT COLLATE "C",
    key_id      TEXT COLLATE "C",
    session_id  TEXT COLLATE "C",
    -- Whose link was used, when the agent is a recipient.
    email       TEXT,
    verb        TEXT COLLATE "C" NOT NULL,
    object_kind TEXT COLLATE "C" NOT NULL,
    object_id   TEXT COLLATE "C" NOT NULL,
    object_name TEXT NOT NULL,
    -- JSON, without secrets.
    details     TEXT NOT NULL,
    source      TEXT,
    request_id  TEXT,
    count       BIGINT NOT NULL DEFAULT 1,
    CHECK ((agent IN ('organization', 'personal')) = (member IS NOT NULL)),
    CHECK ((agent = 'recipient') = (email IS NOT NULL))
);
CREATE INDEX audit_at ON audit (at, seq);
CREATE INDEX audit_of_object ON audit (object_kind, object_id, seq);
CREATE INDEX audit_of_member ON audit (member, seq) WHERE member IS NOT NULL;
CREATE INDEX audit_verb ON audit (verb, seq);

-- Entries from before this instant may be deleted. It is set for the time of one pruning only.
CREATE TABLE audit_retention (
    "only"     BIGINT PRIMARY KEY CHECK ("only" = 1),
    kept_since BIGINT NOT NULL
);
INSERT INTO audit_retention VALUES (1, -9223372036854775808);

CREATE FUNCTION audit_is_not_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'entries of the audit are never changed';
END $$;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE OR TRUNCATE ON audit EXECUTE FUNCTION audit_is_not_changed();

CREATE FUNCTION audit_is_deleted_by_age() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF old.at >= (SELECT kept_since FROM audit_retention) THEN
        RAISE EXCEPTION 'entries of the audit are deleted by their age only';
    END IF;
    RETURN old;
END $$;
CREATE TRIGGER audit_is_deleted_by_age BEFORE DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_is_deleted_by_age();

-- What is parted goes with its run and its piece.
CREATE FUNCTION run_goes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM run_events WHERE run_id = old.id;
    DELETE FROM run_findings WHERE run_id = old.id;
    DELETE FROM contents WHERE run_id = old.id;
    RETURN NULL;
END $$;
CREATE TRIGGER run_goes AFTER DELETE ON runs FOR EACH ROW EXECUTE FUNCTION run_goes();

CREATE FUNCTION piece_goes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM attempts WHERE delivery_id = old.id;
    RETURN NULL;
END $$;
CREATE TRIGGER piece_goes AFTER DELETE ON deliveries FOR EACH ROW EXECUTE FUNCTION piece_goes();

-- Definitions and fingerprints go with the last row that names them.
CREATE FUNCTION definition_let_go() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM definitions WHERE id = old.definition_id
        AND NOT EXISTS (SELECT 1 FROM runs WHERE definition_id = old.definition_id)
        AND NOT EXISTS (SELECT 1 FROM schedules WHERE definition_id = old.definition_id);
    RETURN NULL;
END $$;
CREATE TRIGGER definition_changed AFTER UPDATE OF definition_id ON schedules FOR EACH ROW
    WHEN (old.definition_id <> new.definition_id) EXECUTE FUNCTION definition_let_go();
CREATE TRIGGER schedule_gone AFTER DELETE ON schedules FOR EACH ROW EXECUTE FUNCTION definition_let_go();
CREATE TRIGGER run_gone AFTER DELETE ON runs FOR EACH ROW EXECUTE FUNCTION definition_let_go();

-- Places go with the last definition that has them. Whoever makes another definition of the list holds it, so that what is decided here stays true.
CREATE FUNCTION list_let_go() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM lists WHERE id = old.list FOR UPDATE;
    DELETE FROM list_places WHERE list = old.list AND until IS NOT NULL
        AND until <= (SELECT min(revision) FROM definitions WHERE list = old.list);
    DELETE FROM lists WHERE id = old.list AND NOT EXISTS (SELECT 1 FROM definitions WHERE list = old.list);
    RETURN NULL;
END $$;
CREATE TRIGGER definition_gone AFTER DELETE ON definitions FOR EACH ROW WHEN (old.list IS NOT NULL) EXECUTE FUNCTION list_let_go();

CREATE FUNCTION fingerprint_let_go() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM fingerprints WHERE id = old.fingerprint_id
        AND NOT EXISTS (SELECT 1 FROM baselines WHERE fingerprint_id = old.fingerprint_id)
        AND NOT EXISTS (SELECT 1 FROM run_baselines WHERE fingerprint_id = old.fingerprint_id);
    RETURN NULL;
END $$;
CREATE TRIGGER baseline_moved AFTER UPDATE OF fingerprint_id ON baselines FOR EACH ROW
    WHEN (old.fingerprint_id <> new.fingerprint_id) EXECUTE FUNCTION fingerprint_let_go();
CREATE TRIGGER baseline_gone AFTER DELETE ON baselines FOR EACH ROW EXECUTE FUNCTION fingerprint_let_go();
CREATE TRIGGER run_baseline_gone AFTER DELETE ON run_baselines FOR EACH ROW EXECUTE FUNCTION fingerprint_let_go();
