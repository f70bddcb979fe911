/*
 * Passwords: argon2id through libsodium, with the parameters that OWASP recommends (19 MiB, two passes). Each
 * hash takes tens of milliseconds and its memory: only a few are computed at once, the others wait their
 * turn. Thread-safe; blocking.
 */
#ifndef VB_API_AUTH_PASSWORD_H
#define VB_API_AUTH_PASSWORD_H

#define VB_PASSWORD_MIN       8 /* bytes of UTF-8 */
#define VB_PASSWORD_MAX       256
#define VB_PASSWORD_HASH_SIZE 128 /* with the final NUL */

struct vb_password_gate;

/* at_once: how many hashes are computed at the same time. */
struct vb_password_gate *vb_password_gate_create(unsigned at_once);
void vb_password_gate_destroy(struct vb_password_gate *gate);

/* Returns 0, or -EAGAIN when no turn came within five seconds, or -ENOMEM. */
int vb_password_hash(struct vb_password_gate *gate, const char *password,
                     char ret_hash[VB_PASSWORD_HASH_SIZE]);
/* hash NULL: there is no such user; that takes as long. Returns 0 if the password is right, -EACCES if it is
 * wrong, -EAGAIN as above. */
int vb_password_verify(struct vb_password_gate *gate, const char *password, const char *hash);

#endif
