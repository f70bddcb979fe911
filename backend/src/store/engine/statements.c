/*
 * The SQL of the store's index: its schema and every statement, with columns and parameters in reading order.
 */
#include "store/engine/index.h"

/* Of objects and uploads alike; read by vb_engine_row_read_meta(), bound by vb_engine_row_bind_meta(). */
#define META_COLUMNS                                                                                         \
    "size, last_modified_ms, etag, parts, checksum_algorithm, checksum, checksum_full, content_type,"        \
    " cache_control, content_disposition, content_encoding, content_language, expires, user_metadata"

/*
 * blobs: bytes that never change. kind 0: in the column data. 1: in a file. 2: in other blobs, which segments
 * lists in order. refs counts the objects, parts and segments that name the blob. data is the last column, so
 * that SQLite reads the others without it. Keys compare bytewise (BINARY), as S3 orders them.
 */
const char vb_engine_sql_schema[] =
    "CREATE TABLE IF NOT EXISTS buckets ("
    "    id INTEGER PRIMARY KEY,"
    "    name TEXT NOT NULL UNIQUE,"
    "    created_ms INTEGER NOT NULL,"
    "    cors TEXT"
    ");"
    "CREATE TABLE IF NOT EXISTS blobs ("
    "    id INTEGER PRIMARY KEY,"
    "    refs INTEGER NOT NULL,"
    "    kind INTEGER NOT NULL,"
    "    size INTEGER NOT NULL,"
    "    file TEXT,"
    "    data BLOB"
    ");"
    "CREATE UNIQUE INDEX IF NOT EXISTS blobs_by_file ON blobs (file) WHERE file IS NOT NULL;"
    "CREATE TABLE IF NOT EXISTS segments ("
    "    owner_id INTEGER NOT NULL,"
    "    sequence INTEGER NOT NULL,"
    "    blob_id INTEGER NOT NULL,"
    "    PRIMARY KEY (owner_id, sequence)"
    ") WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS objects ("
    "    bucket_id INTEGER NOT NULL,"
    "    key TEXT NOT NULL,"
    "    blob_id INTEGER NOT NULL,"
    "    upload_id TEXT," /* the multipart upload that made it */
    "    size INTEGER NOT NULL,"
    "    last_modified_ms INTEGER NOT NULL,"
    "    etag TEXT NOT NULL,"
    "    parts INTEGER NOT NULL,"
    "    checksum_algorithm TEXT,"
    "    checksum TEXT,"
    "    checksum_full INTEGER,"
    "    content_type TEXT,"
    "    cache_control TEXT,"
    "    content_disposition TEXT,"
    "    content_encoding TEXT,"
    "    content_language TEXT,"
    "    expires TEXT,"
    "    user_metadata BLOB,"
    "    PRIMARY KEY (bucket_id, key)"
    ") WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS uploads ("
    "    bucket_id INTEGER NOT NULL,"
    "    key TEXT NOT NULL,"
    "    id TEXT NOT NULL,"
    "    size INTEGER NOT NULL,"             /* always 0 */
    "    last_modified_ms INTEGER NOT NULL," /* when it was created */
    "    etag TEXT NOT NULL,"                /* always '' */
    "    parts INTEGER NOT NULL,"            /* always 0 */
    "    checksum_algorithm TEXT,"
    "    checksum TEXT,"
    "    checksum_full INTEGER,"
    "    content_type TEXT,"
    "    cache_control TEXT,"
    "    content_disposition TEXT,"
    "    content_encoding TEXT,"
    "    content_language TEXT,"
    "    expires TEXT,"
    "    user_metadata BLOB,"
    "    PRIMARY KEY (bucket_id, key, id)"
    ") WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS parts ("
    "    upload_id TEXT NOT NULL,"
    "    number INTEGER NOT NULL,"
    "    blob_id INTEGER NOT NULL,"
    "    size INTEGER NOT NULL,"
    "    last_modified_ms INTEGER NOT NULL,"
    "    etag TEXT NOT NULL,"
    "    checksum_algorithm TEXT,"
    "    checksum TEXT,"
    "    checksum_full INTEGER,"
    "    PRIMARY KEY (upload_id, number)"
    ") WITHOUT ROWID;";

const char *const vb_engine_sql_text[VB_ENGINE_SQL_COUNT] = {
    [VB_ENGINE_SQL_BEGIN_READ] = "BEGIN",
    [VB_ENGINE_SQL_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [VB_ENGINE_SQL_COMMIT] = "COMMIT",
    [VB_ENGINE_SQL_FREE_PAGES] = "PRAGMA freelist_count",

    [VB_ENGINE_SQL_BUCKET_FIND] = "SELECT id, created_ms, cors FROM buckets WHERE name = ?1",
    [VB_ENGINE_SQL_BUCKET_INSERT] = "INSERT INTO buckets (name, created_ms) VALUES (?1, ?2)",
    [VB_ENGINE_SQL_BUCKET_DELETE] = "DELETE FROM buckets WHERE id = ?1",
    [VB_ENGINE_SQL_BUCKET_LIST] = "SELECT name, created_ms FROM buckets ORDER BY name",
    [VB_ENGINE_SQL_BUCKET_SET_CORS] = "UPDATE buckets SET cors = ?2 WHERE id = ?1",
    [VB_ENGINE_SQL_BUCKET_HAS_OBJECT] = "SELECT 1 FROM objects WHERE bucket_id = ?1 LIMIT 1",
    [VB_ENGINE_SQL_BUCKET_AN_UPLOAD] = "SELECT key, id FROM uploads WHERE bucket_id = ?1 LIMIT 1",

    [VB_ENGINE_SQL_BLOB_LAST_ID] = "SELECT max(id) FROM blobs",
    [VB_ENGINE_SQL_BLOB_INSERT] = "INSERT INTO blobs (id, refs, kind, size, file, data)"
                                  " VALUES (?1, 1, ?2, ?3, ?4, ?5)",
    [VB_ENGINE_SQL_BLOB_FIND] = "SELECT refs, kind, file FROM blobs WHERE id = ?1",
    [VB_ENGINE_SQL_BLOB_SET_REFS] = "UPDATE blobs SET refs = ?2 WHERE id = ?1",
    [VB_ENGINE_SQL_BLOB_DELETE] = "DELETE FROM blobs WHERE id = ?1",
    [VB_ENGINE_SQL_BLOB_FILE_KNOWN] = "SELECT 1 FROM blobs WHERE file = ?1",

    [VB_ENGINE_SQL_SEGMENT_INSERT] = "INSERT INTO segments (owner_id, sequence, blob_id) VALUES (?1, ?2, ?3)",
    [VB_ENGINE_SQL_SEGMENT_LIST] = "SELECT blob_id FROM segments WHERE owner_id = ?1 ORDER BY sequence",
    [VB_ENGINE_SQL_SEGMENT_READ] = "SELECT blobs.kind, blobs.size, blobs.file, blobs.data"
                                   " FROM segments JOIN blobs ON blobs.id = segments.blob_id"
                                   " WHERE segments.owner_id = ?1 ORDER BY segments.sequence",
    [VB_ENGINE_SQL_SEGMENT_DELETE_ALL] = "DELETE FROM segments WHERE owner_id = ?1",

    [VB_ENGINE_SQL_OBJECT_FIND] = "SELECT blob_id, etag FROM objects WHERE bucket_id = ?1 AND key = ?2",
    [VB_ENGINE_SQL_OBJECT_META] = "SELECT " META_COLUMNS ", blob_id, upload_id FROM objects"
                                  " WHERE bucket_id = ?1 AND key = ?2",
    [VB_ENGINE_SQL_OBJECT_READ] =
        "SELECT objects.size, last_modified_ms, etag, parts, checksum_algorithm, checksum,"
        " checksum_full, content_type, cache_control, content_disposition,"
        " content_encoding, content_language, expires, user_metadata,"
        " blob_id, blobs.kind, blobs.size, blobs.file, blobs.data"
        " FROM objects LEFT JOIN blobs ON blobs.id = objects.blob_id"
        " WHERE bucket_id = ?1 AND key = ?2",
    [VB_ENGINE_SQL_OBJECT_PUT] =
        "INSERT OR REPLACE INTO objects (bucket_id, key, blob_id, upload_id, " META_COLUMNS ")"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,"
        " ?18)",
    [VB_ENGINE_SQL_OBJECT_DELETE] = "DELETE FROM objects WHERE bucket_id = ?1 AND key = ?2",
    [VB_ENGINE_SQL_OBJECT_LIST] =
        "SELECT key, size, last_modified_ms, etag, checksum_algorithm, checksum,"
        " checksum_full FROM objects WHERE bucket_id = ?1 AND key >= ?2 ORDER BY key",

    [VB_ENGINE_SQL_UPLOAD_INSERT] =
        "INSERT INTO uploads (bucket_id, key, id, " META_COLUMNS ")"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
    [VB_ENGINE_SQL_UPLOAD_FIND] = "SELECT " META_COLUMNS " FROM uploads"
                                  " WHERE bucket_id = ?1 AND key = ?2 AND id = ?3",
    [VB_ENGINE_SQL_UPLOAD_DELETE] = "DELETE FROM uploads WHERE bucket_id = ?1 AND key = ?2 AND id = ?3",
    [VB_ENGINE_SQL_UPLOAD_LIST] = "SELECT key, id, last_modified_ms FROM uploads"
                                  " WHERE bucket_id = ?1 AND (key, id) > (?2, ?3) ORDER BY key, id",

    [VB_ENGINE_SQL_PART_FIND] =
        "SELECT blob_id, size, etag, checksum_algorithm, checksum, checksum_full FROM parts"
        " WHERE upload_id = ?1 AND number = ?2",
    [VB_ENGINE_SQL_PART_PUT] =
        "INSERT OR REPLACE INTO parts (upload_id, number, blob_id, size, last_modified_ms, etag,"
        " checksum_algorithm, checksum, checksum_full)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [VB_ENGINE_SQL_PART_LIST] =
        "SELECT number, size, last_modified_ms, etag, checksum_algorithm, checksum,"
        " checksum_full FROM parts WHERE upload_id = ?1 AND number > ?2 ORDER BY number",
    [VB_ENGINE_SQL_PART_BLOBS] = "SELECT number, blob_id FROM parts WHERE upload_id = ?1 ORDER BY number",
    [VB_ENGINE_SQL_PART_DELETE_ALL] = "DELETE FROM parts WHERE upload_id = ?1",
};
