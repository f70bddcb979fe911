/* Passwords: see password.h. */
#include "api/auth/password.h"

#include "base/memory.h"
#include "base/wait.h"

#include <errno.h>
#include <semaphore.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PASSES          2
#define MEMORY_BYTES    ((size_t)19 * 1024 * 1024)
#define TURN_TIMEOUT_MS 5000

_Static_assert(VB_PASSWORD_HASH_SIZE == crypto_pwhash_STRBYTES, "libsodium's strings must fit");

struct vb_password_gate {
    sem_t turns;
    /* The hash that a log-in of an unknown user is checked against. */
    char nobody[VB_PASSWORD_HASH_SIZE];
};

/* A well-formed hash with the current parameters and a random digest. Nobody knows a password for it, and a
 * check against it costs as much as one against a real hash. */
static void make_nobody(char hash[VB_PASSWORD_HASH_SIZE])
{
    unsigned char salt[16], digest[32];
    char salt_text[32], digest_text[64];

    randombytes_buf(salt, sizeof(salt));
    randombytes_buf(digest, sizeof(digest));
    sodium_bin2base64(salt_text, sizeof(salt_text), salt, sizeof(salt),
                      sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
    sodium_bin2base64(digest_text, sizeof(digest_text), digest, sizeof(digest),
                      sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
    memset(hash, 0, VB_PASSWORD_HASH_SIZE);
    snprintf(hash, VB_PASSWORD_HASH_SIZE, "$argon2id$v=19$m=%zu,t=%d,p=1$%s$%s", MEMORY_BYTES / 1024, PASSES,
             salt_text, digest_text);
    vb_assert(crypto_pwhash_str_needs_rehash(hash, PASSES, MEMORY_BYTES) == 0);
}

struct vb_password_gate *vb_password_gate_create(unsigned at_once)
{
    struct vb_password_gate *gate = vb_xcalloc(1, sizeof(*gate));

    vb_assert(at_once > 0 && sodium_init() >= 0 && sem_init(&gate->turns, 0, at_once) == 0);
    make_nobody(gate->nobody);
    return gate;
}

void vb_password_gate_destroy(struct vb_password_gate *gate)
{
    if (!gate)
        return;
    sem_destroy(&gate->turns);
    free(gate);
}

static int take_turn(struct vb_password_gate *gate)
{
    return vb_sem_wait_until(&gate->turns, vb_deadline_after(TURN_TIMEOUT_MS)) < 0 ? -EAGAIN : 0;
}

int vb_password_hash(struct vb_password_gate *gate, const char *password,
                     char ret_hash[VB_PASSWORD_HASH_SIZE])
{
    int r = take_turn(gate);

    if (r < 0)
        return r;
    r = crypto_pwhash_str(ret_hash, password, strlen(password), PASSES, MEMORY_BYTES);
    sem_post(&gate->turns);
    return r == 0 ? 0 : -ENOMEM;
}

int vb_password_verify(struct vb_password_gate *gate, const char *password, const char *hash)
{
    int r = take_turn(gate);

    if (r < 0)
        return r;
    r = crypto_pwhash_str_verify(hash ? hash : gate->nobody, password, strlen(password));
    sem_post(&gate->turns);
    return r == 0 && hash ? 0 : -EACCES;
}
