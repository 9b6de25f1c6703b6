/* Preloaded into a process to make it large: BALLAST_MIB MiB of resident
 * memory in the process whose name is BALLAST_IN. For tests/bench/run. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

__attribute__((constructor)) static void grow(void)
{
    const char *where = getenv("BALLAST_IN"), *mib = getenv("BALLAST_MIB");
    size_t size = mib ? strtoul(mib, NULL, 10) << 20 : 0;
    void *p;

    if (!where || !size || strcmp(program_invocation_short_name, where) != 0)
        return;
    p = mmap(NULL, size, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (p == MAP_FAILED)
        abort();
}
