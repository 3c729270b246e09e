"""Bilinear sampling: what affine_sample and flow_sample have in common, on CPU and GPU."""
