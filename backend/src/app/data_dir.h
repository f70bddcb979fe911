/*
 * The data folder of `vibe up`: a lock, so that one process at a time uses it, and its secrets, made on the
 * first start with mode 0600.
 */
#ifndef VB_APP_DATA_DIR_H
#define VB_APP_DATA_DIR_H

#include "base/error.h"

struct vb_data_dir {
    char *path; /* absolute */
    int lock;
    char *access_key_id, *secret_access_key, *jwt_secret, *database_password;
};

/* Makes the folder if it is missing, locks it, and reads or makes the secrets. -EWOULDBLOCK: another `vibe
 * up` uses it. */
int vb_data_dir_open(const char *path, struct vb_data_dir *ret_dir, struct vb_error *err);
/* Wipes jwt_secret: for when the key set is made. */
void vb_data_dir_wipe_jwt_secret(struct vb_data_dir *dir);
/* Wipes all secrets. */
void vb_data_dir_close(struct vb_data_dir *dir);
/* Path of a file inside; the caller frees it. */
char *vb_data_dir_path(const struct vb_data_dir *dir, const char *name);

#endif
