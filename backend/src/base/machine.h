/*
 * What this process may use of its machine: containers give it less than there is.
 */
#ifndef VB_BASE_MACHINE_H
#define VB_BASE_MACHINE_H

#include <stdint.h>

/* At least 1. */
unsigned vb_machine_cores(void);

/* Bytes of memory: the least of what the machine has (proc(5)) and what its control groups allow (cgroups(7),
 * either version); UINT64_MAX when neither tells. root: the folder that holds /proc and /sys; "" except in
 * tests. */
uint64_t vb_machine_memory(const char *root);

#endif
