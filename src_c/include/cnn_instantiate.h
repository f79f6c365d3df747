/* cnn_instantiate.h - compile the typed half of the file CNN_SELF for float and double. */
#define real       float
#define CNN_SUFFIX f32
#include CNN_SELF
#undef real
#undef CNN_SUFFIX
#define real       double
#define CNN_SUFFIX f64
#include CNN_SELF
#undef real
#undef CNN_SUFFIX
#undef CNN_SELF
