"""The derivative table, by kind of operation."""
