-- What the media pipeline found out of each file: enough for an app to draw something before the picture has come.
ALTER TABLE media
    ADD COLUMN dominant_color text CHECK (dominant_color ~ '^#[0-9a-f]{6}$'),
    ADD COLUMN duration_ms    integer CHECK (duration_ms >= 0),               -- of a video
    -- Of a video: the picture that stands for it, an object of its own which goes when the video does.
    ADD COLUMN poster_key     text UNIQUE;
