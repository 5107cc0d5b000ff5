"""Memory that is free goes back to the system."""

import contextlib

M_MMAP_THRESHOLD = -3  # of `mallopt`, in GNU's C library
LARGE = 128 * 1024  # bytes; where that library begins, too


def return_large_blocks() -> None:
    """Let the C library go on as it begins: what is large goes back to the system as soon as it is free.

    By itself it takes what was freed once for small, and keeps it, for each thread apart: a server with a thread for
    each request, each with an answer of megabytes, would hold on to a hundred.
    """
    import ctypes

    with contextlib.suppress(AttributeError, OSError, TypeError):  # another C library has other habits
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE)
