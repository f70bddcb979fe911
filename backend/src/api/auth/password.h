/*
 * Passwords: argon2id through libsodium, with the parameters that OWASP recommends (19 MiB, two passes). Each
 * hash takes tens of milliseconds and its memory, so only a few run at once and the others wait their turn.
 * Thread-safe; blocking.
 */
#ifndef VB_API_AUTH_PASSWORD_H
#define VB_API_AUTH_PASSWORD_H

#define VB_PASSWORD_MIN       8 /* bytes of UTF-8 */
#define VB_PASSWORD_MAX       256
#define VB_PASSWORD_HASH_SIZE 128 /* with the final NUL */

struct vb_password_gate;

/* at_once: hashes computed at the same time. */
struct vb_password_gate *vb_password_gate_create(unsigned at_once);
void vb_password_gate_destroy(struct vb_password_gate *gate);

/* Returns 0, or -EAGAIN when no turn came within five seconds, or -ENOMEM. */
int vb_password_hash(struct vb_password_gate *gate, const char *password,
                     char ret_hash[VB_PASSWORD_HASH_SIZE]);
/* hash NULL: there is no such user; takes as long as if there were. Returns 0 if the password fits, -EACCES
 * if not, -EAGAIN as above. */
int vb_password_verify(struct vb_password_gate *gate, const char *password, const char *hash);

#endif
