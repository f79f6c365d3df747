/* threads.h - what the pool asks of the system: a lock, a bell to sleep by, a thread, a pause.
 *
 * POSIX threads, or those of Windows (7 and newer).  Nothing here allocates, and all of it is
 * inline: the pool is compiled as if it called the system itself.
 */
#ifndef CNN_THREADS_H
#define CNN_THREADS_H
#include <stddef.h>

#if defined(_WIN32)
#  ifndef WIN32_LEAN_AND_MEAN
#    define WIN32_LEAN_AND_MEAN
#  endif
#  include <windows.h>

typedef SRWLOCK            cnn_lock;
typedef CONDITION_VARIABLE cnn_bell;
typedef DWORD              cnn_thread_end;      /* what the function of a thread returns       */
#  define CNN_LOCK_FREE    SRWLOCK_INIT
#  define CNN_BELL_SILENT  CONDITION_VARIABLE_INIT
#  define CNN_THREAD_CALL  WINAPI
#  define CNN_PAUSE()      YieldProcessor()
#  if defined(_MSC_VER)
#    define CNN_THREAD_LOCAL __declspec(thread)
#  else
#    define CNN_THREAD_LOCAL _Thread_local
#  endif

static inline void cnn_lock_init(cnn_lock *lock) { InitializeSRWLock(lock); }
static inline void cnn_bell_init(cnn_bell *bell) { InitializeConditionVariable(bell); }
static inline void cnn_lock_take(cnn_lock *lock) { AcquireSRWLockExclusive(lock); }
static inline int  cnn_lock_try(cnn_lock *lock) { return TryAcquireSRWLockExclusive(lock); }
static inline void cnn_lock_give(cnn_lock *lock) { ReleaseSRWLockExclusive(lock); }
static inline void cnn_sleep(cnn_bell *bell, cnn_lock *lock)
{
    SleepConditionVariableSRW(bell, lock, INFINITE, 0);
}
static inline void cnn_ring(cnn_bell *bell) { WakeAllConditionVariable(bell); }
static inline void cnn_let_others_run(void) { SwitchToThread(); }

static inline int cnn_start_thread(cnn_thread_end(CNN_THREAD_CALL *run)(void *), void *argument)
{
    const HANDLE thread = CreateThread(NULL, 0, run, argument, 0, NULL);
    return thread && CloseHandle(thread);
}
/* Windows has no fork. */
static inline int cnn_after_fork(void (*in_child)(void)) { (void)in_child; return 1; }

#else
#  include <pthread.h>
#  include <sched.h>

typedef pthread_mutex_t cnn_lock;
typedef pthread_cond_t  cnn_bell;
typedef void           *cnn_thread_end;
#  define CNN_LOCK_FREE    PTHREAD_MUTEX_INITIALIZER
#  define CNN_BELL_SILENT  PTHREAD_COND_INITIALIZER
#  define CNN_THREAD_CALL
#  define CNN_THREAD_LOCAL _Thread_local
#  if defined(__x86_64__) || defined(__i386__)
#    define CNN_PAUSE()    __builtin_ia32_pause()
#  elif defined(__aarch64__)
#    define CNN_PAUSE()    __asm__ volatile("yield")
#  else
#    define CNN_PAUSE()    ((void)0)
#  endif

static inline void cnn_lock_init(cnn_lock *lock) { pthread_mutex_init(lock, NULL); }
static inline void cnn_bell_init(cnn_bell *bell) { pthread_cond_init(bell, NULL); }
static inline void cnn_lock_take(cnn_lock *lock) { pthread_mutex_lock(lock); }
static inline int  cnn_lock_try(cnn_lock *lock) { return pthread_mutex_trylock(lock) == 0; }
static inline void cnn_lock_give(cnn_lock *lock) { pthread_mutex_unlock(lock); }
static inline void cnn_sleep(cnn_bell *bell, cnn_lock *lock) { pthread_cond_wait(bell, lock); }
static inline void cnn_ring(cnn_bell *bell) { pthread_cond_broadcast(bell); }
static inline void cnn_let_others_run(void) { sched_yield(); }

/* Start a thread that nobody waits for; return whether the system has let it. */
static inline int cnn_start_thread(cnn_thread_end (*run)(void *), void *argument)
{
    pthread_t      thread;
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0)
        return 0;
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    const int failed = pthread_create(&thread, &attr, run, argument);
    pthread_attr_destroy(&attr);
    return !failed;
}
/* Have a function called in the child of each fork; return whether that is certain. */
static inline int cnn_after_fork(void (*in_child)(void))
{
    return pthread_atfork(NULL, NULL, in_child) == 0;
}
#endif
#endif
