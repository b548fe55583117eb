/* How much memory a process has. */
#ifndef FRAMED_BASE_MEMORY_H
#define FRAMED_BASE_MEMORY_H

#include <stdint.h>
#include <sys/types.h>

/* What is resident of PID (0: of us), in bytes; 0 and errno when that cannot be told. Waits for
 * nobody: the kernel takes no lock of that process for it. */
uint64_t memory_resident(pid_t pid);

#endif
