/* pool_stress - thousands of loops on src_c/core/pool.c; says which rule broke, and exits 1.
 *
 *   pool_stress loops N     one caller, 1 to 4 threads, N rounds, workers awake and asleep
 *   pool_stress callers N   three callers that compete for the pool
 *   pool_stress limits N    more threads than there may be, more tiles than a ticket holds
 *   pool_stress fork N      children, and their children, of a process that has the pool at work;
 *                           not on Windows, which has no fork
 *
 * Shared counters are plain memory: a tile that runs twice, too late or beside another tile of
 * the same worker is a wrong sum, and under ThreadSanitizer a data race.
 */
#define _GNU_SOURCE
#include "core/pool.h"
#include "core/threads.h"
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifndef _WIN32
#  include <dirent.h>
#  include <sys/wait.h>
#  include <unistd.h>
#endif

enum { MAX_TILE = 1024, MAX_WORKER = 4, N_CALLER = 3 };
static const int32_t TILES[] = {0, 1, 2, 3, 4, 5, 17, 100, MAX_TILE};
enum { N_SIZE = sizeof TILES / sizeof *TILES };

typedef struct {
    int32_t n_tile, n_thread;
    int64_t before[MAX_TILE], after[MAX_TILE];
    struct { _Alignas(64) int64_t tiles; } worker[MAX_WORKER];
} job;

#define NEED(condition)                                                                       \
    do {                                                                                      \
        if (!(condition)) {                                                                   \
            fprintf(stderr, "pool_stress, line %d: need %s\n", __LINE__, #condition);         \
            exit(1);                                                                          \
        }                                                                                     \
    } while (0)

static void nap(int microseconds)
{
#ifdef _WIN32
    Sleep((DWORD)(microseconds + 999) / 1000);
#else
    usleep((useconds_t)microseconds);
#endif
}

/* Some tiles take longer, or threads would seldom meet. */
static void dawdle(int32_t tile)
{
    for (volatile int i = 0; i < (tile % 5 == 4 ? 4000 : 40); i++)
        ;
}

/* after[t] = before[t] + before[opposite of t] + 1: reads what another thread wrote last. */
static void run_tile(void *context, int32_t tile, int32_t worker)
{
    job *j = context;
    NEED(tile >= 0 && tile < j->n_tile);
    NEED(worker >= 0 && worker < j->n_thread);
    j->worker[worker].tiles++;
    dawdle(tile);
    j->after[tile] = j->before[tile] + j->before[j->n_tile - 1 - tile] + 1;
}

/* Two loops, there and back; the sums tell whether every tile ran once in each. */
static void two_loops(job *j, int32_t n_tile, int32_t n_thread, int64_t start)
{
    int64_t done = 0;
    j->n_tile = n_tile, j->n_thread = n_thread;
    memset(j->worker, 0, sizeof j->worker);
    for (int32_t t = 0; t < n_tile; t++)
        j->before[t] = start, j->after[t] = -1;
    cnn_pool_loop(n_tile, run_tile, j);
    memcpy(j->before, j->after, sizeof(int64_t) * (size_t)n_tile);
    cnn_pool_loop(n_tile, run_tile, j);
    for (int32_t t = 0; t < n_tile; t++)
        NEED(j->after[t] == 4 * start + 3);
    for (int32_t w = 0; w < MAX_WORKER; w++)
        done += j->worker[w].tiles;
    NEED(done == 2 * n_tile);
}

/* With a pause in some rounds, so that the workers go to sleep and must be woken. */
static void loops(int rounds, int pauses)
{
    static job j;
    for (int i = 0; i < rounds; i++) {
        const int32_t n = cnn_pool_take(1 + i % MAX_WORKER);
        NEED(n == 1 + i % MAX_WORKER);
        if (n == 1)
            continue;
        for (int s = 0; s < N_SIZE; s++)
            two_loops(&j, TILES[s], n, i);
        cnn_pool_give();
        if (pauses && i % 50 == 2)
            nap(3000);
    }
}

static _Atomic int rounds_left, n_running;

static cnn_thread_end CNN_THREAD_CALL caller(void *argument)
{
    (void)argument;
    job *j = calloc(1, sizeof *j);
    NEED(j != NULL);
    for (int i = 0; rounds_left > 0; i++) {
        if (i % 100 == 0)
            NEED(cnn_pool_grow(MAX_WORKER) == MAX_WORKER);
        const int32_t n = cnn_pool_take(2 + i % 3);
        if (n < 2) {
            nap(20);
            continue;
        }
        NEED(n == 2 + i % 3);
        rounds_left--;
        two_loops(j, TILES[i % N_SIZE], n, i);
        cnn_pool_give();
    }
    free(j);
    n_running--;
    return 0;
}

static void start_caller(void)
{
    n_running++;
    NEED(cnn_start_thread(caller, NULL));
}

static void await_callers(void)
{
    while (n_running > 0)
        nap(1000);
}

static void callers(int rounds)
{
    rounds_left = N_CALLER * rounds;
    for (int i = 0; i < N_CALLER; i++)
        start_caller();
    await_callers();
}

#ifndef _WIN32
/* Threads of this process; what was to be expected where the system does not tell. */
static int n_tasks(void)
{
    int  n = 0;
    DIR *tasks = opendir("/proc/self/task");
    if (!tasks)
        return 2;
    for (struct dirent *entry; (entry = readdir(tasks));)
        n += entry->d_name[0] != '.';
    closedir(tasks);
    return n;
}

static void in_child(int depth, int rounds)
{
    const pid_t child = fork();
    int status;
    NEED(child >= 0);
    if (child == 0) {
        NEED(cnn_pool_take(2) == 2);                    /* no worker came along: a new one */
        cnn_pool_give();
        NEED(n_tasks() == 2);
        NEED(cnn_pool_grow(MAX_WORKER) == MAX_WORKER);
        loops(rounds, 0);
        if (depth > 1)
            in_child(depth - 1, rounds);
        _exit(0);
    }
    NEED(waitpid(child, &status, 0) == child);
    NEED(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Forks at moments when another thread may hold the pool in the midst of a loop. */
static void forks(int rounds)
{
    for (int i = 0; i < rounds; i++)
        in_child(2, 8);
    rounds_left = 1 << 30;
    start_caller();
    for (int i = 0; i < rounds; i++)
        in_child(1, 8);
    rounds_left = 0;
    await_callers();
    loops(rounds, 0);
}
#endif

enum { MANY = 0xfffff + 12345 };
static unsigned char ran[MANY];

static void mark_tile(void *context, int32_t tile, int32_t worker)
{
    NEED(tile >= 0 && tile < MANY && worker >= 0 && worker < *(int32_t *)context);
    ran[tile]++;
}

static void limits(int rounds)
{
    for (int i = 0; i < rounds; i++) {
        int32_t n_thread = cnn_pool_take(2 * CNN_MAX_THREAD + i);
        NEED(n_thread > 1 && n_thread <= CNN_MAX_THREAD);
        memset(ran, 0, sizeof ran);
        cnn_pool_loop(MANY, mark_tile, &n_thread);
        for (int32_t t = 0; t < MANY; t++)
            NEED(ran[t] == 1);
        cnn_pool_loop(0, mark_tile, &n_thread);
        cnn_pool_give();
    }
}

int main(int argc, char **argv)
{
    NEED(argc == 3);
    const int rounds = atoi(argv[2]);
    NEED(cnn_pool_take(1) == 1);                        /* one thread needs no pool */
    NEED(cnn_pool_grow(MAX_WORKER) == MAX_WORKER);
    NEED(cnn_pool_grow(2) == 2);
    if (strcmp(argv[1], "loops") == 0)
        loops(rounds, 1);
    else if (strcmp(argv[1], "callers") == 0)
        callers(rounds);
    else if (strcmp(argv[1], "limits") == 0)
        limits(rounds);
#ifndef _WIN32
    else if (strcmp(argv[1], "fork") == 0)
        forks(rounds);
#endif
    else
        NEED(!"a known mode");
    puts("every tile once");
    return 0;
}
