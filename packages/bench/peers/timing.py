"""What the peers' scripts share: how a call is timed, and the rows on standard output."""

import json
import statistics
import time


def measure(call, seconds, least=5):
    """Median and spread of a call that returns when its work is done, after a third of the time as a warm-up."""
    call()
    until = time.perf_counter() + seconds / 3
    while time.perf_counter() < until:
        call()
    times = []
    until = time.perf_counter() + seconds
    while len(times) < least or time.perf_counter() < until:
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1000)
    return summary(times)


def summary(times):
    """Milliseconds of single calls as a row has them: half the distance between the quartiles is the spread."""
    times = sorted(times)
    median = statistics.median(times)
    return {"ms": median, "spread": (times[len(times) * 3 // 4] - times[len(times) // 4]) / 2 / median}


def report(threads, case, op, implementation, timing, **more):
    row = {"case": case, "op": op, "implementation": implementation, "threads": threads}
    print(json.dumps({**row, **timing, **more}), flush=True)
