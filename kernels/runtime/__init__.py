"""How kernels run: dispatch, compilation and its cache, threads, tracing."""
