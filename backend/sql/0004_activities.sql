-- Activities: what, where and when, and who takes part. An app that has some of these columns keeps them, rows and all.
ALTER TABLE activities
    ADD COLUMN IF NOT EXISTS title             text,
    ADD COLUMN IF NOT EXISTS description       text,
    ADD COLUMN IF NOT EXISTS place_name        text,
    ADD COLUMN IF NOT EXISTS latitude          double precision,
    ADD COLUMN IF NOT EXISTS longitude         double precision,
    ADD COLUMN IF NOT EXISTS starts_at         timestamptz,
    ADD COLUMN IF NOT EXISTS ends_at           timestamptz,
    ADD COLUMN IF NOT EXISTS capacity          integer,              -- NULL: as many as like
    ADD COLUMN IF NOT EXISTS participant_count integer NOT NULL DEFAULT 0;

DO $$
DECLARE
    user_id_type     text;
    activity_id_type text;
    owner_id_type    text;
BEGIN
    IF to_regclass('activity_participants') IS NOT NULL THEN
        RAISE EXCEPTION 'This database already has a table activity_participants, which is not Vibe''s'
            USING HINT = 'Rename it (ALTER TABLE activity_participants RENAME TO …), then migrate again.';
    END IF;
    SELECT format_type(atttypid, atttypmod) INTO STRICT user_id_type
    FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'id';
    SELECT format_type(atttypid, atttypmod) INTO STRICT activity_id_type
    FROM pg_attribute WHERE attrelid = 'activities'::regclass AND attname = 'id';

    -- An owner is looked up in users by the id as it stands: the two types must be comparable.
    FOR owner_id_type IN
        SELECT format('%s.user_id is %s', attrelid::regclass, format_type(atttypid, atttypmod))
        FROM pg_attribute
        WHERE attrelid IN ('activities'::regclass, 'vibe_stories'::regclass) AND attname = 'user_id'
          AND (atttypid = 'uuid'::regtype) <> (user_id_type = 'uuid')
    LOOP
        RAISE EXCEPTION '% but users.id is %', owner_id_type, user_id_type
            USING HINT = 'Give both one type (ALTER TABLE … ALTER COLUMN user_id TYPE … USING user_id::…), then migrate again.';
    END LOOP;

    -- One row for each who takes part; activities.participant_count counts them.
    EXECUTE format($table$
        CREATE TABLE activity_participants (
            activity_id %s NOT NULL REFERENCES activities (id) ON DELETE CASCADE,
            user_id     %s NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            joined_at   timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (activity_id, user_id)
        )
    $table$, activity_id_type, user_id_type);
END $$;
CREATE INDEX activity_participants_in_order ON activity_participants (activity_id, joined_at, user_id);
CREATE INDEX activity_participants_of_user ON activity_participants (user_id, activity_id);

-- Participants that go with their account are counted off too.
CREATE FUNCTION vibe_count_off_participants() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE activities SET participant_count = participant_count - 1 WHERE id = OLD.activity_id;
    RETURN NULL;
END $$;
CREATE TRIGGER vibe_count_off_participants AFTER DELETE ON activity_participants
    FOR EACH ROW EXECUTE FUNCTION vibe_count_off_participants();

-- Lists: the newest first, the soonest first, those of one owner.
CREATE INDEX vibe_activities_newest ON activities (created_at DESC, id DESC);
CREATE INDEX vibe_activities_soonest ON activities (starts_at, id);
CREATE INDEX vibe_activities_newest_of_user ON activities (user_id, created_at DESC, id DESC);
DROP INDEX IF EXISTS vibe_activities_user_id;  -- of 0001: the one above does its work
-- Search by words, and by where: a box in the index, the exact distance afterwards.
CREATE INDEX vibe_activities_words ON activities USING gin (
    to_tsvector('simple', coalesce(title, '') || ' ' || coalesce(description, '') || ' ' || coalesce(place_name, '')));
CREATE INDEX vibe_activities_place ON activities USING gist (point(longitude, latitude));
