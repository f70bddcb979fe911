/* Answers that are fetched piece by piece. */
#include "http/internal.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/*
 * Streams. The event loop asks stream_read() for bytes; when the buffer is empty it suspends the connection
 * and a worker fills the buffer.
 */
struct stream {
    struct vb_http_stream source;
    struct request *request;
    struct vb_job job;
    int64_t filled_to;  /* offset in the body after the buffer's last byte */
    size_t size, taken; /* of the buffer */
    bool ended, failed;
    char buffer[];
};

static void fill_stream(struct vb_job *job)
{
    struct stream *stream = (struct stream *)((char *)job - offsetof(struct stream, job));
    size_t want = stream->source.buffer_size;
    int64_t got;

    if (stream->source.size >= 0 && (int64_t)want > stream->source.size - stream->filled_to)
        want = (size_t)(stream->source.size - stream->filled_to);
    got = stream->source.fill(stream->source.context, stream->filled_to, stream->buffer, want);
    vb_assert(got <= (int64_t)want);
    stream->taken = 0;
    stream->size = got > 0 ? (size_t)got : 0;
    stream->filled_to += got > 0 ? got : 0;
    stream->failed = got < 0 || (got == 0 && stream->source.size >= 0);
    stream->ended = got == 0;
    MHD_resume_connection(stream->request->connection);
}

static ssize_t stream_read(void *cls, uint64_t position, char *buffer, size_t max)
{
    struct stream *stream = cls;
    size_t size = stream->size - stream->taken;

    (void)position;
    if (stream->failed)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (size > 0) {
        if (size > max)
            size = max;
        memcpy(buffer, stream->buffer + stream->taken, size);
        stream->taken += size;
        return (ssize_t)size;
    }
    if (stream->ended)
        return MHD_CONTENT_READER_END_OF_STREAM;
    stream->job.run = fill_stream;
    stream->job.owner = stream->request->job.owner;
    MHD_suspend_connection(stream->request->connection);
    if (vb_pool_submit(vb_http_pool_of(stream->request), &stream->job) < 0) {
        stream->failed = true;
        MHD_resume_connection(stream->request->connection);
    }
    return 0;
}

static void stream_free(void *cls)
{
    struct stream *stream = cls;

    if (stream->source.release)
        stream->source.release(stream->source.context);
    free(stream);
}

void vb_http_answer_stream(struct vb_http_request *request, int status, const char *content_type,
                           const struct vb_http_stream *source)
{
    struct stream *stream = calloc(1, sizeof(*stream) + source->buffer_size);
    uint64_t size = source->size == VB_HTTP_LENGTH_UNKNOWN ? MHD_SIZE_UNKNOWN : (uint64_t)source->size;
    struct MHD_Response *response = NULL;

    vb_assert(source->buffer_size > 0);
    if (stream) {
        stream->source = *source;
        stream->request = request_of(request);
        response = MHD_create_response_from_callback(size, 32 * 1024, stream_read, stream, stream_free);
    }
    if (!response) {
        free(stream);
        if (source->release)
            source->release(source->context);
    }
    vb_http_set_answer(request_of(request), status, content_type, response, source->size);
}
