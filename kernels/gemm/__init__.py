"""Matrix products: packing, the microkernel, and the products of processors with matrix tiles."""
