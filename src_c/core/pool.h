/* pool.h - worker threads, and loops whose iterations they share.
 *
 * One pool serves the process.  A caller takes it for a while (cnn_pool_take), runs loops on it
 * and gives it back; a second caller does not get it and works alone.  Workers spin briefly
 * between loops, then sleep.  After a fork the child starts without workers and makes its own.
 */
#ifndef CNN_POOL_H
#define CNN_POOL_H
#include <stdint.h>

#define CNN_MAX_THREAD    256

/* One iteration: tile in [0, n_tile), worker in [0, n_thread), 0 being the caller. */
typedef void (*cnn_tile_fn)(void *context, int32_t tile, int32_t worker);

/* Make sure that n_thread - 1 workers exist; return how many threads, with the caller, there
 * are.  Fewer where the system refuses, 1 where there are no threads. */
int32_t cnn_pool_grow(int32_t n_thread);

/* Take the pool for n_thread threads, starting those that are missing; return the number to
 * use, 1 if the pool is taken already. */
int32_t cnn_pool_take(int32_t n_thread);
void    cnn_pool_give(void);

/* Let loops of the taken pool be about to end: each tile asks, and does no more.  For the thread
 * that has the pool; without effect for others. */
void    cnn_pool_stop(void);
int     cnn_pool_stopped(void);

/* Run every tile once, on the threads of the taken pool, and return when all are done.  Tiles
 * are dealt out in equal runs, thread by thread, so that the same thread meets the same data in
 * the next loop; a thread that has finished its run helps with the others'.  A thread that the
 * system does not run holds up nobody, unless it is in the middle of a tile. */
void cnn_pool_loop(int32_t n_tile, cnn_tile_fn run, void *context);
#endif
