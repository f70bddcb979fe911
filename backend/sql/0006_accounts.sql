-- Accounts in full: ended access tokens, password resets, Sign in with Apple, disabled accounts.
ALTER TABLE users
    ADD COLUMN IF NOT EXISTS disabled_at       timestamptz,  -- by an operator: no log-in until it is NULL again
    ADD COLUMN IF NOT EXISTS apple_sub         text,         -- who this is to Apple
    ADD COLUMN IF NOT EXISTS email_verified_at timestamptz;  -- when its owner was seen to read the mail of this address

CREATE UNIQUE INDEX IF NOT EXISTS vibe_users_apple_sub ON users (apple_sub) WHERE apple_sub IS NOT NULL;

-- Who can log in, by password or with Apple, has the address alone. (No row has an apple_sub of ours yet, so this
-- holds of an adopted database whenever the index vibe_users_email does, but for a column of that name it had before.)
CREATE UNIQUE INDEX IF NOT EXISTS vibe_users_login_email ON users (lower(email))
    WHERE password_hash IS NOT NULL OR apple_sub IS NOT NULL;

-- Access tokens are checked without the database. Those of a user that were issued before revoked_at are void; the
-- API's copies read this table about once a second. A row is of no use once such tokens have expired: it is deleted
-- then. user_id is text without a reference: the user may be gone.
DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['access_revocations', 'password_resets'] LOOP
        IF to_regclass(table_name) IS NOT NULL THEN
            RAISE EXCEPTION 'This database already has a table %, which is not Vibe''s', table_name
                USING HINT = format('Rename it (ALTER TABLE %s RENAME TO …), then migrate again.', table_name);
        END IF;
    END LOOP;
END $$;
CREATE TABLE access_revocations (
    user_id    text PRIMARY KEY,
    revoked_at timestamptz NOT NULL
);
CREATE INDEX access_revocations_revoked_at ON access_revocations (revoked_at);

-- Forgotten passwords: a token is known by its SHA-256 alone, works once and for an hour, and a newer one ends it.
DO $$
DECLARE
    user_id_type text;
BEGIN
    SELECT format_type(atttypid, atttypmod) INTO STRICT user_id_type  -- uuid, text or integer: as found
    FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'id';

    EXECUTE format($table$
        CREATE TABLE password_resets (
            id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
            user_id    %s NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            token_hash bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
            mailed     boolean NOT NULL,     -- to the user's address; false: handed out by an operator
            created_at timestamptz NOT NULL DEFAULT now(),
            expires_at timestamptz NOT NULL,
            ended_at   timestamptz           -- used, or replaced by a newer one
        )
    $table$, user_id_type);
END $$;
CREATE INDEX password_resets_user_id ON password_resets (user_id);
