/*
 * An error as a stranger should read it: what went wrong, and what to do about it.
 *
 * Functions that can fail return 0, or a negative errno value, and describe the failure in a struct vb_error
 * that the caller may leave out (NULL). Library code fills the error; the caller logs or shows it.
 */
#ifndef VB_BASE_ERROR_H
#define VB_BASE_ERROR_H

#define VB_ERROR_MESSAGE_MAX 2048
#define VB_ERROR_HINT_MAX    256

struct vb_error {
    int code;                           /* a positive errno value; 0: no error */
    char message[VB_ERROR_MESSAGE_MAX]; /* what and which, one sentence without a full stop */
    char hint[VB_ERROR_HINT_MAX];       /* what to do; may be empty */
};

/* Describes a failure and returns -code, so that `return vb_error_set(err, EINVAL, "...")` reads in one line.
 * err may be NULL. Over-long text is cut. Clears the hint. The arguments may be the message of err itself. */
int vb_error_set(struct vb_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds what to do about it. err may be NULL. Returns -err->code (or -EIO for NULL). */
int vb_error_hint(struct vb_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "context: " before the message of an error that passes through. Returns -err->code (or -EIO for NULL).
 */
int vb_error_prefix(struct vb_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
