"""Questions asked of a Summary, one module each."""
