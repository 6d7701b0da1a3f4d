"""Sources to blocks, blocks to tables."""
