/* Limits on requests, and what answers say of them: RateLimit headers as
 * draft-ietf-httpapi-ratelimit-headers-10 has them. Written by hand: nearly every answer of the API carries
 * them, and printf would double what they cost. */
#include "http/internal.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/number.h"

#include <stdio.h>
#include <string.h>

#define ITEM_MAX 64 /* "address";r=4294967295;t=4294967295, and a comma */

bool vb_http_take_token(struct vb_http_request *http, struct vb_ratelimit *limiter, const char *name,
                        const char *key)
{
    struct request *request = request_of(http);
    struct taken_token *token = &request->tokens[request->token_count];
    unsigned retry_after_s;
    char detail[96];
    int r;

    if (!limiter)
        return true;
    vb_assert(request->token_count < VB_HTTP_TOKENS_MAX);
    request->token_count++;
    *token = (struct taken_token){.name = name, .limiter = limiter};
    r = vb_ratelimit_take(limiter, key, vb_clock_coarse_ms(), &retry_after_s, &token->remaining);
    if (r == 0)
        return true;
    vb_http_add_headerf(http, "Retry-After", "%u", retry_after_s);
    snprintf(detail, sizeof(detail), "Too many requests from this %s; wait as long as Retry-After says",
             name);
    vb_http_error(request, 429, "rate_limited", detail);
    return false;
}

static char *add_text(char *at, const char *text)
{
    size_t length = strlen(text);

    memcpy(at, text, length);
    return at + length;
}

/* The item's name, a string of structured fields (RFC 9651). */
static char *add_name(char *at, const char *name, bool is_first)
{
    vb_assert(strlen(name) <= 16);
    at = add_text(at, is_first ? "\"" : ", \"");
    at = add_text(at, name);
    return add_text(at, "\";");
}

void vb_http_add_limits(const struct request *request, struct MHD_Response *response)
{
    char policies[VB_HTTP_TOKENS_MAX * ITEM_MAX], limits[VB_HTTP_TOKENS_MAX * ITEM_MAX];
    char *policy = policies, *limit = limits;

    if (request->token_count == 0)
        return;
    for (unsigned i = 0; i < request->token_count; i++) {
        const struct taken_token *token = &request->tokens[i];

        policy = add_name(policy, token->name, i == 0);
        policy = add_text(policy, vb_ratelimit_policy(token->limiter));
        limit = add_name(limit, token->name, i == 0);
        limit = vb_uint_write(add_text(limit, "r="), token->remaining);
        limit = vb_uint_write(add_text(limit, ";t="), vb_ratelimit_reset_s(token->limiter, token->remaining));
    }
    *policy = *limit = '\0';
    MHD_add_response_header(response, "RateLimit-Policy", policies);
    MHD_add_response_header(response, "RateLimit", limits);
}
