"""Products of float32 matrices, after GotoBLAS and BLIS; shared by dense layers and convolutions.

operands.py: named tuples for the matrices. packing.py: the right matrix in the order in which it is read.
microkernel.py: a block of the result in registers. macrokernel.py: the loops around it, a whole product.
amx_tiles.py: Intel's AMX tiles. amx_gemm.py: packing and products in tiles. workspace.py: scratch memory.
README.md draws and explains them.
"""
