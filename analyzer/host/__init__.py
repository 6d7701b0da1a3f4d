"""On the FreeBSD box: recording.  Standard library only, and light: a box has no compiled packages."""
