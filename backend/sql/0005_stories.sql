-- Stories: a photo or a video that ends a day after it was made. Made without media, a story is shown to others from
-- published_at on, which whoever attaches its first photo or video sets.
ALTER TABLE vibe_stories
    ADD COLUMN IF NOT EXISTS caption      text,
    ADD COLUMN IF NOT EXISTS expires_at   timestamptz,
    ADD COLUMN IF NOT EXISTS published_at timestamptz,
    ADD COLUMN IF NOT EXISTS seen_count   integer NOT NULL DEFAULT 0;

-- Rows that were there before have no such time: they are not live any more, and nothing deletes them.
ALTER TABLE vibe_stories ALTER COLUMN expires_at SET DEFAULT now() + interval '24 hours';

DO $$
DECLARE
    user_id_type  text;
    story_id_type text;
BEGIN
    IF to_regclass('story_views') IS NOT NULL THEN
        RAISE EXCEPTION 'This database already has a table story_views, which is not Vibe''s'
            USING HINT = 'Rename it (ALTER TABLE story_views RENAME TO …), then migrate again.';
    END IF;
    SELECT format_type(atttypid, atttypmod) INTO STRICT user_id_type
    FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'id';
    SELECT format_type(atttypid, atttypmod) INTO STRICT story_id_type
    FROM pg_attribute WHERE attrelid = 'vibe_stories'::regclass AND attname = 'id';

    -- Who has seen a story, once each; vibe_stories.seen_count counts them.
    EXECUTE format($table$
        CREATE TABLE story_views (
            story_id %s NOT NULL REFERENCES vibe_stories (id) ON DELETE CASCADE,
            user_id  %s NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            seen_at  timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (story_id, user_id)
        )
    $table$, story_id_type, user_id_type);
END $$;
CREATE INDEX story_views_in_order ON story_views (story_id, seen_at DESC, user_id DESC);
CREATE INDEX story_views_of_user ON story_views (user_id);

-- Views that go with their account are counted off too.
CREATE FUNCTION vibe_count_off_views() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE vibe_stories SET seen_count = seen_count - 1 WHERE id = OLD.story_id;
    RETURN NULL;
END $$;
CREATE TRIGGER vibe_count_off_views AFTER DELETE ON story_views
    FOR EACH ROW EXECUTE FUNCTION vibe_count_off_views();

CREATE INDEX vibe_stories_newest_of_user ON vibe_stories (user_id, created_at DESC, id DESC);
DROP INDEX IF EXISTS vibe_stories_user_id;  -- of 0001: the one above does its work
CREATE INDEX vibe_stories_live ON vibe_stories (expires_at);
