#include "ipc/gate.h"

#include <stddef.h>
#include <sys/mman.h>

struct gate *gate_map(void)
{
    void *memory =
        mmap(NULL, sizeof(struct gate), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

void gate_unmap(struct gate *gate)
{
    if (gate)
        munmap(gate, sizeof(*gate));
}
