# No function or class for Python: kernels.pyx uses its C functions.
