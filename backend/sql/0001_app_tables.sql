-- The app's own three tables: users, activities, vibe_stories.
--
-- From nothing they are created; an app that has them already keeps every row, every column and the type of its ids.
-- So each table begins with its id alone, and every other column is added only where it is missing. That gives both
-- kinds of database one definition. Its price: what an adopted row may lack (email, user_id …) is nullable everywhere.
--
-- What queries may rely on afterwards, whatever the types are:
--   * INSERT INTO users (…without id…) RETURNING id::text gives the new id: the id of all three tables has a default.
--   * `WHERE id = $1` with an untyped parameter compares in the column's own type. Text that is no such id
--     (SQLSTATE 22P02, 22003) means: no such row. vb_db_query() answers -EDOM then.
--   * lower(email) is unique among users with a password_hash.

CREATE TABLE IF NOT EXISTS users (id uuid PRIMARY KEY DEFAULT gen_random_uuid());
ALTER TABLE users
    ADD COLUMN IF NOT EXISTS email                   text,
    ADD COLUMN IF NOT EXISTS password_hash           text,   -- argon2id, as libsodium writes it
    ADD COLUMN IF NOT EXISTS name                    text,
    ADD COLUMN IF NOT EXISTS profile_picture         text,   -- the S3 URL (or, before `vibe import`, what the app had)
    ADD COLUMN IF NOT EXISTS profile_picture_s3_key  text,
    ADD COLUMN IF NOT EXISTS profile_picture_cdn_url text,   -- what the app shows
    ADD COLUMN IF NOT EXISTS created_at              timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN IF NOT EXISTS updated_at              timestamptz NOT NULL DEFAULT now();

CREATE TABLE IF NOT EXISTS activities (id uuid PRIMARY KEY DEFAULT gen_random_uuid());
ALTER TABLE activities
    ADD COLUMN IF NOT EXISTS hero_image_url     text,
    ADD COLUMN IF NOT EXISTS hero_image_s3_key  text,
    ADD COLUMN IF NOT EXISTS hero_image_cdn_url text,
    ADD COLUMN IF NOT EXISTS image_urls         text[],
    ADD COLUMN IF NOT EXISTS image_s3_keys      text[],
    ADD COLUMN IF NOT EXISTS image_cdn_urls     text[],
    ADD COLUMN IF NOT EXISTS created_at         timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN IF NOT EXISTS updated_at         timestamptz NOT NULL DEFAULT now();

CREATE TABLE IF NOT EXISTS vibe_stories (id uuid PRIMARY KEY DEFAULT gen_random_uuid());
ALTER TABLE vibe_stories
    ADD COLUMN IF NOT EXISTS image_url     text,
    ADD COLUMN IF NOT EXISTS image_s3_key  text,
    ADD COLUMN IF NOT EXISTS image_cdn_url text,
    ADD COLUMN IF NOT EXISTS video_url     text,
    ADD COLUMN IF NOT EXISTS video_s3_key  text,
    ADD COLUMN IF NOT EXISTS video_cdn_url text,
    ADD COLUMN IF NOT EXISTS created_at    timestamptz NOT NULL DEFAULT now();

-- Adopted ids: every id gets a default where it has none, and is unique so that rows can refer to it.
DO $$
DECLARE
    table_name  text;
    id_type     regtype;  -- without length, domains resolved
    id_length   integer;  -- of varchar(n) and char(n), else NULL
    has_default boolean;
    is_unique   boolean;
    sequence    text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['users', 'activities', 'vibe_stories'] LOOP
        SELECT coalesce(nullif(t.typbasetype, 0), t.oid),
               CASE WHEN t.typname IN ('varchar', 'bpchar') AND a.atttypmod > 4 THEN a.atttypmod - 4 END,
               a.atthasdef OR a.attidentity <> '',
               EXISTS (SELECT FROM pg_index i
                       WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indisvalid AND i.indimmediate
                         AND i.indpred IS NULL AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum)
        INTO id_type, id_length, has_default, is_unique
        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        WHERE a.attrelid = table_name::regclass AND a.attname = 'id' AND NOT a.attisdropped;

        IF NOT FOUND THEN
            RAISE EXCEPTION 'The table % has no column "id"', table_name
                USING HINT = 'Vibe refers to rows by their id: add such a column (uuid, text or integer), then migrate again.';
        END IF;

        IF NOT is_unique THEN
            EXECUTE format('CREATE UNIQUE INDEX %I ON %I (id)', 'vibe_' || table_name || '_id_key', table_name);
        END IF;

        CONTINUE WHEN has_default;
        CASE
        WHEN id_type = 'uuid'::regtype THEN
            EXECUTE format('ALTER TABLE %I ALTER COLUMN id SET DEFAULT gen_random_uuid()', table_name);

        WHEN id_type IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype)
             AND (id_length IS NULL OR id_length >= 36) THEN
            EXECUTE format('ALTER TABLE %I ALTER COLUMN id SET DEFAULT gen_random_uuid()::text', table_name);

        WHEN id_type IN ('varchar'::regtype, 'bpchar'::regtype) AND id_length >= 20 THEN
            -- Too short for a UUID's text: as many of its digits as fit. 20 of them still carry 74 random bits.
            EXECUTE format('ALTER TABLE %I ALTER COLUMN id SET DEFAULT '
                           'left(replace(gen_random_uuid()::text, ''-'', ''''), %s)', table_name, id_length);

        WHEN id_type IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype) THEN
            -- The application numbers its rows itself. From here on the database does: from the highest id on.
            sequence := 'vibe_' || table_name || '_id_seq';
            EXECUTE format('CREATE SEQUENCE %I AS %s OWNED BY %I.id', sequence, id_type, table_name);
            EXECUTE format('SELECT setval(%L, greatest(coalesce(max(id), 0), 0) + 1, false) FROM %I', sequence, table_name);
            EXECUTE format('ALTER TABLE %I ALTER COLUMN id SET DEFAULT nextval(%L)', table_name, sequence);

        ELSE
            RAISE EXCEPTION 'The column %.id is of type %, for which Vibe cannot make new ids', table_name, id_type
                USING HINT = 'Give the column a default (ALTER TABLE … ALTER COLUMN id SET DEFAULT …), then migrate again.';
        END CASE;
    END LOOP;
END $$;

-- Who an activity or a story belongs to, in the type of users.id. An adopted user_id stays as it is, type and all.
DO $$
DECLARE
    user_id_type text;
BEGIN
    SELECT format_type(atttypid, atttypmod) INTO STRICT user_id_type
    FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'id';

    EXECUTE format('ALTER TABLE activities ADD COLUMN IF NOT EXISTS user_id %s REFERENCES users (id) ON DELETE CASCADE',
                   user_id_type);
    EXECUTE format('ALTER TABLE vibe_stories ADD COLUMN IF NOT EXISTS user_id %s REFERENCES users (id) ON DELETE CASCADE',
                   user_id_type);
END $$;
CREATE INDEX IF NOT EXISTS vibe_activities_user_id ON activities (user_id);
CREATE INDEX IF NOT EXISTS vibe_stories_user_id ON vibe_stories (user_id);

-- Addresses are unique whatever their case, but only among those who can log in. Rows that were there before may
-- hold an address twice, or none: they have no password here, so they stay out of this index and nothing is lost.
DO $$
DECLARE
    duplicate_count bigint;
BEGIN
    SELECT count(*) INTO duplicate_count
    FROM (SELECT FROM users WHERE password_hash IS NOT NULL AND email IS NOT NULL
          GROUP BY lower(email) HAVING count(*) > 1) AS duplicates;
    IF duplicate_count > 0 THEN
        RAISE EXCEPTION '% e-mail addresses belong to more than one row of users with a password', duplicate_count
            USING HINT = 'A login must mean one user. List them with: SELECT lower(email), count(*) FROM users '
                         'WHERE password_hash IS NOT NULL GROUP BY 1 HAVING count(*) > 1; merge them, then migrate again.';
    END IF;
END $$;
CREATE UNIQUE INDEX IF NOT EXISTS vibe_users_email ON users (lower(email)) WHERE password_hash IS NOT NULL;
