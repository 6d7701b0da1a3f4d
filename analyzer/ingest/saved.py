"""How a saved Summary begins, told without any grammar; summary/saved.py reads it."""

import re

SAVED = "vmsum"  # as a format
SIGN = rf'\A\s*\{{\s*"{SAVED}"'
_SIGN = re.compile(SIGN.encode())


def is_saved(head: bytes) -> bool:
    """Whether a file that begins so is one."""
    return _SIGN.match(head) is not None
