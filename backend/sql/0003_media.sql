-- Every file that was promoted from an upload to a public key. upload_id is unique: completing an upload twice, or
-- twice at once, gives one row.
--
-- When a user is deleted the row stays, without its user, until the object is gone from the bucket: else nobody
-- would know what is left to delete. So: set status to 'deleting', delete the user, let the sweeper do the rest.
DO $$
DECLARE
    user_id_type text;
BEGIN
    IF to_regclass('media') IS NOT NULL THEN
        RAISE EXCEPTION 'This database already has a table media, which is not Vibe''s'
            USING HINT = 'Rename it (ALTER TABLE media RENAME TO …), then migrate again.';
    END IF;
    SELECT format_type(atttypid, atttypmod) INTO STRICT user_id_type  -- uuid, text or integer: as found
    FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'id';

    EXECUTE format($table$
        CREATE TABLE media (
            id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
            upload_id    uuid NOT NULL UNIQUE,
            user_id      %s REFERENCES users (id) ON DELETE SET NULL,
            purpose      text NOT NULL,            -- profile-picture, activity-image, story-media
            key          text NOT NULL UNIQUE,     -- in the bucket; never reused
            content_type text NOT NULL,
            bytes        bigint CHECK (bytes >= 0),
            width        integer CHECK (width > 0),
            height       integer CHECK (height > 0),
            sha256       text CHECK (sha256 ~ '^[0-9a-f]{64}$'),
            thumbhash    text,                     -- base64
            status       text NOT NULL DEFAULT 'ready' CHECK (status IN ('pending', 'ready', 'deleting')),
            created_at   timestamptz NOT NULL DEFAULT now(),
            updated_at   timestamptz NOT NULL DEFAULT now()
        )
    $table$, user_id_type);
END $$;
CREATE INDEX media_user_id ON media (user_id);
CREATE INDEX media_unfinished ON media (created_at) WHERE status <> 'ready';
