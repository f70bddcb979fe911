/* A media worker: what runs in the jail. */
#ifndef VB_JAIL_WORKER_H
#define VB_JAIL_WORKER_H

#define VB_WORKER_VARIANTS_MAX 64 /* jobs, after which one that makes variants ends, too */

/* In a process that has just been forked: enters the jail, does jobs that come by the socket, ends the process. parts:
 * of the jail, that hold already. */
_Noreturn void vb_media_worker_run(int socket, unsigned parts);

#endif
