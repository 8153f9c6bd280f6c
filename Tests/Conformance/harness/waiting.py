"""Waiting for conditions, always with a deadline."""

import time


def eventually(condition, timeout=20, what="the condition", pause=0.02):
    """Calls `condition` until it gives something true, and returns that; fails after `timeout` seconds.

    An AssertionError inside `condition` counts as "not yet" and is shown when time is up.
    """
    deadline = time.monotonic() + timeout
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = value
        except AssertionError as error:
            last = error
        if time.monotonic() >= deadline:
            raise AssertionError(f"waited {timeout} s in vain for {what}; last: {last!r}")
        time.sleep(pause)
