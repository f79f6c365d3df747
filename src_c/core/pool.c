/* pool - see pool.h.  The one place with threads, and with state that they share. */
#include "pool.h"
#include "denormals.h"

#if defined(__STDC_NO_ATOMICS__)

int32_t cnn_pool_grow(int32_t n_thread) { (void)n_thread; return 1; }
int32_t cnn_pool_take(int32_t n_thread) { (void)n_thread; return 1; }
void    cnn_pool_give(void) {}
void    cnn_pool_stop(void) {}
int     cnn_pool_stopped(void) { return 0; }
void    cnn_pool_loop(int32_t n_tile, cnn_tile_fn run, void *context)
{
    for (int32_t t = 0; t < n_tile; t++)
        run(context, t, 0);
}

#else
#include "threads.h"
#include <stdatomic.h>

#define SPINS_BEFORE_SLEEP 20000   /* some ten microseconds to a hundred                  */
#define SPINS_BEFORE_YIELD 2000

/* A run of tiles that belongs to one thread first: loop number, end, next tile.  One word, so
 * that a late thread can never take a tile of another loop than it believes. */
typedef _Atomic uint64_t ticket;
#define PACK(loop, end, next) ((uint64_t)(loop) << 40 | (uint64_t)(end) << 20 | (uint64_t)(next))
#define LOOP_OF(t) ((uint32_t)((t) >> 40))
#define END_OF(t)  ((int32_t)((t) >> 20 & 0xfffff))
#define NEXT_OF(t) ((int32_t)((t) & 0xfffff))
#define MAX_TILE   0xfffff

/* What is published of a loop, one word too: its number, and the threads that may work on it. */
#define PUBLISH(loop, n) ((uint64_t)(loop) << 32 | (uint32_t)(n))
#define N_THREAD_OF(p)   ((int32_t)(uint32_t)(p))

static struct {
    cnn_lock        taken;              /* held by the caller that has the pool            */
    cnn_lock        sleep;
    cnn_bell        wake;
    int32_t         n_worker;           /* threads started, without the caller             */
    int             refused;            /* the system has refused a thread                 */
    int32_t         n_thread;           /* of the present caller, with the caller          */
    uint32_t        loop;               /* counts loops, 24 bits                           */
    cnn_tile_fn     run;
    void           *context;
    int32_t         first;              /* number of the loop's first tile                 */
    _Atomic uint64_t published;
    struct { _Alignas(64) ticket next; _Atomic int32_t asleep; } share[CNN_MAX_THREAD];
    _Alignas(64) _Atomic int32_t n_done;
    _Atomic int32_t stopped;
} pool = {.taken = CNN_LOCK_FREE, .sleep = CNN_LOCK_FREE, .wake = CNN_BELL_SILENT};

/* Whether this thread has the pool: Python code within its run may ask for more threads. */
static CNN_THREAD_LOCAL int has_pool;

/* Take one tile of a share of this loop; -1 if none is left. */
static int32_t claim(ticket *t, uint32_t loop)
{
    uint64_t seen = atomic_load_explicit(t, memory_order_acquire);
    while (LOOP_OF(seen) == loop && NEXT_OF(seen) < END_OF(seen))
        if (atomic_compare_exchange_weak_explicit(t, &seen, seen + 1, memory_order_acq_rel,
                                                  memory_order_acquire))
            return NEXT_OF(seen);
    return -1;
}

/* Work on a loop until no tile is left: the own share first, then the others'. */
static void work(int32_t worker, int32_t n_thread, uint32_t loop)
{
    for (int32_t i = 0; i < n_thread; i++) {
        ticket *share = &pool.share[(worker + i) % n_thread].next;
        for (int32_t tile; (tile = claim(share, loop)) >= 0;) {
            pool.run(pool.context, pool.first + tile, worker);
            atomic_fetch_add_explicit(&pool.n_done, 1, memory_order_release);
        }
    }
}

/* Wait for a loop that needs this worker: spin, then sleep.  Loops of fewer threads neither wake
 * it nor keep it spinning: its core may be wanted for something else. */
static uint64_t await_loop(int32_t worker, uint64_t seen)
{
    _Atomic int32_t *asleep = &pool.share[worker].asleep;
    uint64_t now;
    for (int32_t spin = 0; spin < SPINS_BEFORE_SLEEP; spin++) {
        now = atomic_load_explicit(&pool.published, memory_order_acquire);
        if (now != seen && worker < N_THREAD_OF(now))
            return now;
        CNN_PAUSE();
    }
    cnn_lock_take(&pool.sleep);
    atomic_store(asleep, 1);
    while ((now = atomic_load(&pool.published)) == seen || worker >= N_THREAD_OF(now))
        cnn_sleep(&pool.wake, &pool.sleep);
    atomic_store(asleep, 0);
    cnn_lock_give(&pool.sleep);
    return now;
}

/* Wake the workers that a loop just published needs. */
static void wake(int32_t n_thread)
{
    for (int32_t i = 1; i < n_thread; i++)
        if (atomic_load(&pool.share[i].asleep)) {
            cnn_lock_take(&pool.sleep);
            cnn_ring(&pool.wake);
            cnn_lock_give(&pool.sleep);
            return;
        }
}

static cnn_thread_end CNN_THREAD_CALL worker_main(void *argument)
{
    const int32_t worker = (int32_t)(intptr_t)argument;
    uint64_t seen = 0;
    cnn_flush_denormals();               /* for good: this thread does nothing else        */
    for (;;) {
        seen = await_loop(worker, seen);
        work(worker, N_THREAD_OF(seen), (uint32_t)(seen >> 32));
    }
    return 0;
}

/* In the child of a fork only the calling thread lives on; whatever the others held is gone. */
static void after_fork(void)
{
    cnn_lock_init(&pool.taken);
    cnn_lock_init(&pool.sleep);
    cnn_bell_init(&pool.wake);
    pool.n_worker = pool.refused = 0;
    atomic_store(&pool.n_done, 0);
    for (int32_t i = 0; i < CNN_MAX_THREAD; i++) {
        atomic_store(&pool.share[i].next, 0);
        atomic_store(&pool.share[i].asleep, 0);
    }
}

/* Start workers until there are n_thread threads or the system refuses; return how many.
 * The caller holds the pool. */
static int32_t grow(int32_t n_thread)
{
    static int registered;
    if (!registered)
        registered = cnn_after_fork(after_fork);
    while (registered && !pool.refused && pool.n_worker + 1 < n_thread)
        if (cnn_start_thread(worker_main, (void *)(intptr_t)(pool.n_worker + 1)))
            pool.n_worker++;
        else
            pool.refused = 1;
    return n_thread < pool.n_worker + 1 ? n_thread : pool.n_worker + 1;
}

int32_t cnn_pool_grow(int32_t n_thread)
{
    if (!has_pool)
        cnn_lock_take(&pool.taken);
    pool.refused = 0;
    const int32_t n = grow(n_thread < CNN_MAX_THREAD ? n_thread : CNN_MAX_THREAD);
    if (!has_pool)
        cnn_lock_give(&pool.taken);
    return n;
}

int32_t cnn_pool_take(int32_t n_thread)
{
    if (n_thread < 2 || has_pool || !cnn_lock_try(&pool.taken))
        return 1;
    pool.n_thread = grow(n_thread < CNN_MAX_THREAD ? n_thread : CNN_MAX_THREAD);
    /* After a fork there may be none. */
    has_pool = pool.n_thread > 1;
    atomic_store_explicit(&pool.stopped, 0, memory_order_relaxed);
    if (!has_pool)
        cnn_lock_give(&pool.taken);
    return pool.n_thread;
}

void cnn_pool_give(void)
{
    has_pool = 0;
    cnn_lock_give(&pool.taken);
}

void cnn_pool_stop(void)
{
    if (has_pool)
        atomic_store_explicit(&pool.stopped, 1, memory_order_relaxed);
}

int cnn_pool_stopped(void) { return atomic_load_explicit(&pool.stopped, memory_order_relaxed); }

/* At most MAX_TILE tiles, from number `first` on. */
static void run_loop(int32_t first, int32_t n_tile)
{
    const int32_t n = pool.n_thread;
    pool.first = first;
    pool.loop = (pool.loop + 1) & 0xffffff;
    atomic_store_explicit(&pool.n_done, 0, memory_order_relaxed);
    for (int32_t i = 0; i < n; i++) {
        const int64_t begin = (int64_t)n_tile * i / n, end = (int64_t)n_tile * (i + 1) / n;
        atomic_store_explicit(&pool.share[i].next, PACK(pool.loop, end, begin),
                              memory_order_release);
    }
    atomic_store(&pool.published, PUBLISH(pool.loop, n));
    wake(n);
    work(0, n, pool.loop);
    for (int64_t spin = 0;
         atomic_load_explicit(&pool.n_done, memory_order_acquire) < n_tile; spin++)
        if (spin % SPINS_BEFORE_YIELD == SPINS_BEFORE_YIELD - 1)
            cnn_let_others_run();
        else
            CNN_PAUSE();
}

void cnn_pool_loop(int32_t n_tile, cnn_tile_fn run, void *context)
{
    pool.run = run, pool.context = context;
    for (int32_t left = n_tile, n; left > 0; left -= n) {
        n = left < MAX_TILE ? left : MAX_TILE;
        run_loop(n_tile - left, n);
    }
}
#endif
