"""ODE solvers in Python: `python3 ode.py 1 < input.json`. One JSON row a line on standard output.

Each library as its users call it: scipy and torchdiffeq with a Python function (a torch one for torchdiffeq), diffrax compiled
before it is timed. float64 everywhere."""

import json
import math
import sys
import time

import timing

given = json.load(sys.stdin)


def measure(call, seconds, least=3):
    """Without a warm-up, and for four seconds at most: single calls may take that long."""
    call()
    times = []
    until = time.perf_counter() + seconds
    while len(times) < least or time.perf_counter() < until:
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1000)
        if sum(times) > 4000:
            break
    return timing.summary(times)


def report(problem, tolerance, name, measured, nfe, end):
    op = f"rtol {tolerance:.0e}".replace("e-0", "e-")
    more = {} if problem["end"] is None else {"error": math.dist(problem["end"], end)}
    timing.report(1, problem["name"], op, name, measured, **more, nfe=[int(nfe), 0])


MOON = 0.012277471


def lorenz(y, stack):
    return stack([10 * (y[1] - y[0]), y[0] * (28 - y[2]) - y[1], y[0] * y[1] - (8 / 3) * y[2]])


def arenstorf(y, stack):
    d1 = ((y[0] + MOON) ** 2 + y[1] ** 2) ** 1.5
    d2 = ((y[0] - 1 + MOON) ** 2 + y[1] ** 2) ** 1.5
    x = y[0] + 2 * y[3] - (1 - MOON) * (y[0] + MOON) / d1 - MOON * (y[0] - 1 + MOON) / d2
    z = y[1] - 2 * y[2] - (1 - MOON) * y[1] / d1 - MOON * y[1] / d2
    return stack([y[2], y[3], x, z])


FIELDS = {"Lorenz to 100": lorenz, "Arenstorf orbit": arenstorf}


def scipy_rows(problem, field):
    from scipy.integrate import solve_ivp

    def f(t, y):
        return field(y.tolist(), list)

    for method in ["RK45", "DOP853"]:
        for tolerance in problem["tolerances"]:
            def call():
                return solve_ivp(f, (0, problem["t1"]), problem["y0"], method=method, rtol=tolerance, atol=tolerance)

            solution = call()
            name = f"scipy {method}"
            report(problem, tolerance, name, measure(call, given["seconds"]), solution.nfev, solution.y[:, -1].tolist())


def torchdiffeq_rows(problem, field):
    import torch
    from torchdiffeq import odeint

    torch.set_num_threads(1)
    calls = 0

    def f(t, y):
        nonlocal calls
        calls += 1
        return field(y, torch.stack)

    y0 = torch.tensor(problem["y0"], dtype=torch.float64)
    times = torch.tensor([0, problem["t1"]], dtype=torch.float64)
    for tolerance in problem["tolerances"]:
        if tolerance < 1e-9:
            continue  # minutes, for a line that is clear by then

        def call():
            with torch.no_grad():
                return odeint(f, y0, times, rtol=tolerance, atol=tolerance)

        calls = 0
        start = time.perf_counter()
        end = call()[-1].tolist()
        spent = (time.perf_counter() - start) * 1000
        nfe = calls
        measured = measure(call, given["seconds"]) if spent < 500 else {"ms": spent, "spread": 0}
        report(problem, tolerance, "torchdiffeq dopri5", measured, nfe, end)


def diffrax_rows(problem, field):
    import jax

    jax.config.update("jax_enable_x64", True)
    import diffrax
    import jax.numpy as jnp

    term = diffrax.ODETerm(lambda t, y, args: field(y, jnp.stack))
    y0 = jnp.array(problem["y0"])
    for solver, stages in [(diffrax.Dopri5(), 6), (diffrax.Dopri8(), 13)]:
        for tolerance in problem["tolerances"]:
            @jax.jit
            def run(y):
                control = diffrax.PIDController(rtol=tolerance, atol=tolerance)
                t1 = problem["t1"]
                solution = diffrax.diffeqsolve(
                    term, solver, 0, t1, None, y, stepsize_controller=control, max_steps=None
                )
                return solution.ys[0], solution.stats["num_steps"]

            end, steps = jax.block_until_ready(run(y0))
            name = f"diffrax {type(solver).__name__}"
            measured = measure(lambda: jax.block_until_ready(run(y0)), given["seconds"])
            report(problem, tolerance, name, measured, int(steps) * stages, end.tolist())


LIBRARIES = {"scipy": scipy_rows, "torchdiffeq": torchdiffeq_rows, "diffrax": diffrax_rows}
for each in given["problems"]:
    LIBRARIES[given["library"]](each, FIELDS[each["name"]])
