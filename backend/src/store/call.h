/*
 * One S3 request in the store: its target, who signed it, its body, and the operation that answers it.
 * Internal to store/.
 */
#ifndef VB_STORE_CALL_H
#define VB_STORE_CALL_H

#include "s3/sigv4.h"
#include "s3/xml.h"
#include "store/body.h"
#include "store/checksum.h"
#include "store/cors.h"
#include "store/engine/engine.h"
#include "store/request.h"
#include "store/s3_error.h"
#include "store/server.h"

struct vb_store_server {
    struct vb_engine *engine;
    char *region, *access_key_id, *secret_access_key;
    char owner_id[2 * VB_SHA256_SIZE + 1]; /* S3's canonical user id of the one account */
    struct vb_store_cors_cache *cors_cache;
};

enum vb_store_body_kind {
    VB_STORE_BODY_NONE,   /* a body is ignored */
    VB_STORE_BODY_XML,    /* collected into call->body.collected */
    VB_STORE_BODY_PARTS,  /* the same, but x-amz-checksum-* headers are of the object, not of the body */
    VB_STORE_BODY_OBJECT, /* streamed into call->body.writer */
};

struct vb_store_call {
    struct vb_http_request *http;
    struct vb_store_server *server;
    struct vb_engine *engine;
    struct vb_store_target target;
    const struct vb_store_operation *operation;
    struct vb_sigv4_verified verified;
    struct vb_store_body body;
    bool cors_applied;
    /* of a PUT, read before the body; the request owns the strings */
    struct vb_engine_meta meta;
    struct vb_engine_condition condition;
};

/* A row of the table of operations (operations.c). */
struct vb_store_operation {
    unsigned method; /* of enum vb_http_method */
    enum vb_store_level { VB_STORE_SERVICE, VB_STORE_BUCKET, VB_STORE_OBJECT } level;
    const char *parameter; /* a query parameter that the request must have; NULL: any */
    const char *name;      /* as S3 names it */
    void (*handle)(struct vb_store_call *call);
    enum vb_store_body_kind body;
    const char *header; /* a header that the request must have; NULL: any */
    /* Two hooks that refuse a request early. Each returns false after answering, and may be NULL. */
    bool (*prepare)(struct vb_store_call *call); /* before the body comes: on the event loop, no I/O */
    bool (*admit)(struct vb_store_call *call);   /* before an object's first byte is written: on a worker */
    /* Of a sub-resource that this store does not have: the answer to a read, an error or a document. */
    struct {
        enum vb_store_error error;
        const char *root, *content;
    } unset;
};
/* Finds the operation of a request: the first row that matches it. NULL: none does. */
const struct vb_store_operation *vb_store_operation_find(struct vb_http_request *http,
                                                         enum vb_store_level level);

/*
 * Helpers (call.c and, for the headers of a write, write_headers.c).
 */
/* A request header. A presigned URL may carry x-amz-* headers in its query instead. NULL: in neither. */
const char *vb_store_call_header(struct vb_store_call *call, const char *name);
/* A query parameter, or "". */
const char *vb_store_call_query(struct vb_store_call *call, const char *name);
/* Reads a number from the query: fallback if it is absent, at most max. Returns false after answering
 * InvalidArgument. */
bool vb_store_call_query_number(struct vb_store_call *call, const char *name, unsigned max, unsigned fallback,
                                unsigned *ret_value);
/* Answers the engine's error code as S3 does. fail: about the request's target. fail_at: about another
 * one. */
void vb_store_call_fail(struct vb_store_call *call, int code, const struct vb_error *err);
void vb_store_call_fail_at(struct vb_store_call *call, const struct vb_store_target *target, int code,
                           const struct vb_error *err);
/* Answers an error that names the bucket, or InvalidArgument, which names the argument. value may be NULL. */
void vb_store_call_fail_bucket(struct vb_store_call *call, enum vb_store_error error);
void vb_store_call_fail_argument(struct vb_store_call *call, const char *name, const char *value,
                                 const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Look up the request's bucket or object. Return false after answering that there is none. ret_meta may be
 * NULL; otherwise released by the caller. */
bool vb_store_call_find_bucket(struct vb_store_call *call);
bool vb_store_call_find_object(struct vb_store_call *call, struct vb_engine_meta *ret_meta);
/* Answers 200 with the XML document. The builder is empty afterwards. */
void vb_store_call_answer_xml(struct vb_store_call *call, struct vb_strbuf *document);
void vb_store_call_answer_empty(struct vb_store_call *call, int status);
/* Begins a document and opens its root element. */
void vb_store_document_begin(struct vb_strbuf *document, const char *root);
/* A key, prefix or delimiter of a listing, percent-encoded if the client asked for that. */
void vb_store_xml_name(struct vb_strbuf *document, const char *name, const char *text, bool url_encoded);
void vb_store_xml_time(struct vb_strbuf *document, const char *name, int64_t time_ms);
void vb_store_xml_etag(struct vb_strbuf *document, const char *etag);
void vb_store_xml_owner(struct vb_strbuf *document, const char *name, const struct vb_store_server *server);
/* Adds the bucket's Access-Control headers if the request has an Origin. from_cache: without reading the
 * disk. */
void vb_store_call_apply_cors(struct vb_store_call *call, bool from_cache);
/* Reads the metadata of an object from the request's headers. The request owns the strings. Returns false
 * after answering. */
bool vb_store_call_read_meta(struct vb_store_call *call, struct vb_engine_meta *ret_meta);
/* Refuses headers that ask for what the store does not have: encryption, public ACLs, tags. Returns false
 * after answering. */
bool vb_store_call_check_write_headers(struct vb_store_call *call);
/* Reads If-Match and If-None-Match of a write. Returns false after answering. */
bool vb_store_call_read_condition(struct vb_store_call *call, struct vb_engine_condition *ret_condition);
/* Refuses a versionId other than "null". Returns false after answering. */
bool vb_store_call_check_version(struct vb_store_call *call);
/* Adds x-amz-checksum-… and x-amz-checksum-type to the answer. */
void vb_store_call_add_checksum(struct vb_store_call *call, const struct vb_engine_checksum *checksum);
void vb_store_xml_checksum(struct vb_strbuf *document, const struct vb_engine_checksum *checksum,
                           bool with_type);

/*
 * Operations, by file.
 */
/* bucket_ops.c */
void vb_store_list_buckets(struct vb_store_call *call);
void vb_store_create_bucket(struct vb_store_call *call);
void vb_store_head_bucket(struct vb_store_call *call);
void vb_store_delete_bucket(struct vb_store_call *call);
void vb_store_get_location(struct vb_store_call *call);
/* cors_ops.c */
void vb_store_put_cors(struct vb_store_call *call);
void vb_store_get_cors(struct vb_store_call *call);
void vb_store_delete_cors(struct vb_store_call *call);
void vb_store_preflight(struct vb_store_call *call);
/* unconfigured.c */
void vb_store_get_acl(struct vb_store_call *call);
void vb_store_get_unconfigured(struct vb_store_call *call);
void vb_store_delete_unconfigured(struct vb_store_call *call);
void vb_store_not_implemented(struct vb_store_call *call);
/* list_ops.c */
void vb_store_list_objects(struct vb_store_call *call);
void vb_store_list_objects_v2(struct vb_store_call *call);
void vb_store_list_object_versions(struct vb_store_call *call);
/* get_ops.c */
void vb_store_get_object(struct vb_store_call *call);
void vb_store_head_object(struct vb_store_call *call);
/* attributes.c */
void vb_store_get_object_attributes(struct vb_store_call *call);
/* object_ops.c */
bool vb_store_put_object_prepare(struct vb_store_call *call);
bool vb_store_put_object_admit(struct vb_store_call *call);
void vb_store_put_object(struct vb_store_call *call);
void vb_store_delete_object(struct vb_store_call *call);
/* copy_ops.c */
void vb_store_copy_object(struct vb_store_call *call);
void vb_store_upload_part_copy(struct vb_store_call *call);
/* delete_many.c */
void vb_store_delete_objects(struct vb_store_call *call);
/* multipart_list.c */
void vb_store_list_multipart_uploads(struct vb_store_call *call);
/* multipart_ops.c */
void vb_store_create_multipart_upload(struct vb_store_call *call);
bool vb_store_upload_part_prepare(struct vb_store_call *call);
void vb_store_upload_part(struct vb_store_call *call);
void vb_store_list_parts(struct vb_store_call *call);
void vb_store_abort_multipart_upload(struct vb_store_call *call);
/* Finds the upload, and has the body compute the checksum that the upload asks for. Also for parts that are
 * copied. */
bool vb_store_upload_part_admit(struct vb_store_call *call);
/* Reads partNumber. Returns false after answering. */
bool vb_store_call_part_number(struct vb_store_call *call, unsigned *ret_number);
/* multipart_complete.c */
void vb_store_complete_multipart_upload(struct vb_store_call *call);

#endif
