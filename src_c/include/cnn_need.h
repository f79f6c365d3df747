/* cnn_need.h - CNN_NEED(condition): a bound that must hold.  Debug builds (CNN_DEBUG, as the
 * sanitizers' are) check it and end the process where it does not; others do nothing. */
#ifndef CNN_NEED_H
#define CNN_NEED_H
#ifdef CNN_DEBUG
#  undef NDEBUG
#  include <assert.h>
#  define CNN_NEED(condition) assert(condition)
#else
#  define CNN_NEED(condition) ((void)0)
#endif
#endif
