"""What the peers' scripts share: numbers and results that are handed over, how a call is timed, and the rows on standard output."""

import base64
import json
import statistics
import time

import numpy

# Float32 sums of the 50,000 products of a filter's gradient are off by √50,000 · 2⁻²⁴ = 1e-5 as a rule; other work by far more.
LIMIT = 1e-4


def decode(tensor):
    return numpy.frombuffer(base64.b64decode(tensor["values"]), numpy.float32).reshape(tensor["shape"]).copy()


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


def timed_where_right(threads, case, name, calls, pairs, seconds):
    """Times the calls of an evaluation, by operation, if all its results are ours; `pairs` has both. Otherwise says so."""
    # numpy's max keeps a NaN.
    error = float(numpy.max([numpy.abs(a - ours).max() / numpy.abs(ours).max() for a, ours in pairs]))
    if not error < LIMIT:
        problem = f"{name} is not measured on {case}: its numbers are {error:.1e} from ours, and rounding explains {LIMIT:.0e}"
        print(json.dumps({"problem": problem}), flush=True)
        return
    for op, call in calls.items():
        report(threads, case, op, name, measure(call, seconds), error=error)
