/* count_allocations - counts what a process asks the system for while the counter is on.
 *
 * Preloaded, its functions stand before those of the C library, whose own are still there
 * under other names (glibc).  All threads count.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static atomic_int  on;
static atomic_long calls, bytes;

static void count(size_t size)
{
    if (atomic_load(&on)) {
        atomic_fetch_add(&calls, 1);
        atomic_fetch_add(&bytes, (long)size);
    }
}

void count_begin(void)
{
    atomic_store(&calls, 0);
    atomic_store(&bytes, 0);
    atomic_store(&on, 1);
}

long count_end(void)
{
    atomic_store(&on, 0);
    return atomic_load(&calls);
}

long count_bytes(void) { return atomic_load(&bytes); }

/* A kernel that does what no kernel may. */
int allocating_kernel(const void *call)
{
    void *volatile memory = malloc(64);
    (void)call;
    free(memory);
    return 0;
}

void *malloc(size_t size) { count(size); return __libc_malloc(size); }
void *calloc(size_t n, size_t size) { count(n * size); return __libc_calloc(n, size); }
void *realloc(void *old, size_t size) { count(size); return __libc_realloc(old, size); }
void *memalign(size_t alignment, size_t size)
{
    count(size);
    return __libc_memalign(alignment, size);
}
void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
int   posix_memalign(void **memory, size_t alignment, size_t size)
{
    *memory = memalign(alignment, size);
    return *memory ? 0 : ENOMEM;
}
void *mmap(void *at, size_t size, int protection, int flags, int file, off_t offset)
{
    count(size);
    return (void *)syscall(SYS_mmap, at, size, protection, flags, file, offset);
}
void *mmap64(void *at, size_t size, int protection, int flags, int file, off_t offset)
{
    return mmap(at, size, protection, flags, file, offset);
}
