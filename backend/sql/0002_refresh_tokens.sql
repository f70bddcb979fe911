-- Refresh tokens: each is used once and replaced by the next of its family. A second use of one is a theft: the
-- whole family is revoked then. Only the SHA-256 of a token is stored.
DO $$
DECLARE
    user_id_type text;
BEGIN
    IF to_regclass('refresh_tokens') IS NOT NULL THEN
        RAISE EXCEPTION 'This database already has a table refresh_tokens, which is not Vibe''s'
            USING HINT = 'Rename it (ALTER TABLE refresh_tokens RENAME TO …), then migrate again.';
    END IF;
    SELECT format_type(atttypid, atttypmod) INTO STRICT user_id_type  -- uuid, text or integer: as found
    FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'id';

    EXECUTE format($table$
        CREATE TABLE refresh_tokens (
            id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
            family_id  uuid NOT NULL,                    -- one login
            user_id    %s NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            token_hash bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
            created_at timestamptz NOT NULL DEFAULT now(),
            expires_at timestamptz NOT NULL,
            used_at    timestamptz,                      -- when it was exchanged for the next one
            revoked_at timestamptz                       -- logout, or reuse of a used one
        )
    $table$, user_id_type);
END $$;
CREATE INDEX refresh_tokens_family_id ON refresh_tokens (family_id);
CREATE INDEX refresh_tokens_user_id ON refresh_tokens (user_id);
CREATE INDEX refresh_tokens_expires_at ON refresh_tokens (expires_at);
