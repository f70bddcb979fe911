/* A media worker: one process in the jail, which does one job after the other. Linked into vibe-media
 * alone. */
#ifndef VB_JAIL_WORKER_H
#define VB_JAIL_WORKER_H

/* In a process that has just been forked: enters the jail, does the jobs that come over the socket, and ends
 * the process. parts: the parts of the jail that hold already. */
_Noreturn void vb_jail_worker_run(int socket, unsigned parts);

#endif
