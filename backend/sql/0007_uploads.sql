-- Uploads of all kinds: which activity or story a file belongs to, and where in it; and the answers of requests that
-- may be repeated (Idempotency-Key).

-- The links are in the types of the ids they name, whatever those are. A row outlives what it belonged to until its
-- object is gone from the bucket.
DO $$
DECLARE
    id_type text;
BEGIN
    SELECT format_type(atttypid, atttypmod) INTO STRICT id_type
    FROM pg_attribute WHERE attrelid = 'activities'::regclass AND attname = 'id';
    EXECUTE format('ALTER TABLE media ADD COLUMN activity_id %s REFERENCES activities (id) ON DELETE SET NULL', id_type);

    SELECT format_type(atttypid, atttypmod) INTO STRICT id_type
    FROM pg_attribute WHERE attrelid = 'vibe_stories'::regclass AND attname = 'id';
    EXECUTE format('ALTER TABLE media ADD COLUMN story_id %s REFERENCES vibe_stories (id) ON DELETE SET NULL', id_type);
END $$;
ALTER TABLE media
    ADD COLUMN slot         text CHECK (slot IN ('hero', 'gallery', 'image', 'video')),
    ADD COLUMN slot_index   integer CHECK (slot_index >= 0),  -- gallery only, from 0
    ADD COLUMN published_at timestamptz,                      -- when it became ready; NULL: it never was
    -- Not before then may the sweeper delete the object of a row that is 'deleting'. NULL: a while after updated_at.
    ADD COLUMN keep_until   timestamptz;
UPDATE media SET published_at = updated_at WHERE status = 'ready';
CREATE INDEX media_activity_id ON media (activity_id) WHERE activity_id IS NOT NULL;
CREATE INDEX media_story_id ON media (story_id) WHERE story_id IS NOT NULL;

DO $$
BEGIN
    IF to_regclass('idempotency_keys') IS NOT NULL THEN
        RAISE EXCEPTION 'This database already has a table idempotency_keys, which is not Vibe''s'
            USING HINT = 'Rename it (ALTER TABLE idempotency_keys RENAME TO …), then migrate again.';
    END IF;
END $$;
CREATE TABLE idempotency_keys (
    user_id      text NOT NULL,
    key          text NOT NULL,      -- the client's
    operation    text NOT NULL,      -- method and path
    request_hash text NOT NULL,      -- SHA-256 of the body
    status       integer,            -- of the answer; set in the transaction that inserted the row
    body         text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, key)
);
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);
