"""JAX's side of the comparison: `python3 time_jax.py THREADS < input.json`. One JSON row a line on standard output.

Everything is compiled by jit before it is timed. A dual pass is jax.jvp, its reverse pass jax.vjp of that; a step is
diffrax's Dopri5 with the adjoint equation, and with its default, discrete, checkpointed adjoint."""

import functools
import json
import sys

import diffrax
import jax
import jax.numpy as jnp
import numpy

import timing

threads = int(sys.argv[1])
given = json.load(sys.stdin)
report = functools.partial(timing.report, threads)


def measure(call, seconds, least=5):
    return timing.measure(lambda: jax.block_until_ready(call()), seconds, least)


def network(params, h):
    for i, (weight, bias) in enumerate(params):
        h = h @ weight.T + bias
        if i < len(params) - 1:
            h = jax.nn.sigmoid(h)
    return h


def dual(params, x, tangent):
    return jax.jvp(lambda z: network(params, z), (x,), (tangent,))


def decode(tensor):
    return jnp.array(timing.decode(tensor))


def compared(case, forward, at, reverse, all_of, expected):
    """Compiles both operations; what they are given are arguments, so that nothing is computed while compiling."""
    forward, reverse = jax.jit(forward), jax.jit(reverse)
    calls = {
        "forward": lambda: jax.block_until_ready(forward(*at)),
        "vjp": lambda: jax.block_until_ready(reverse(*all_of)),
    }
    results = jax.tree.leaves([call() for call in calls.values()])
    pairs = [(numpy.asarray(a), timing.decode(ours)) for a, ours in zip(results, expected)]
    timing.timed_where_right(threads, case["name"], "JAX jit", calls, pairs, given["seconds"])


def evaluations(case):
    flat = [decode(tensor) for tensor in case["params"]]
    params = list(zip(flat[::2], flat[1::2]))
    x, dx, ct, dct = (decode(tensor) for tensor in case["at"])

    def reverse(params, x, dx, ct, dct):
        of_params, of_x, of_dx = jax.vjp(dual, params, x, dx)[1]((ct, dct))
        return of_x, of_params, of_dx

    expected = [*case["expected"], *case["ofParams"]]
    compared(case, dual, (params, x, dx), reverse, (params, x, dx, ct, dct), expected)


def convolutions(case):
    x, dy, w = (decode(case["at"][name]) for name in ("x", "dy", "w"))

    def convolve(x, w):
        return jax.lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    def reverse(x, w, dy):
        return jax.vjp(convolve, x, w)[1](dy)

    compared(case, convolve, (x, w), reverse, (x, w, dy), [case["expected"][name] for name in ("y", "ofX", "ofW")])


def steps(study):
    sizes, tolerance = study["sizes"], study["tolerance"]
    params = [
        (jnp.array(weight).reshape(out, into), jnp.array(bias))
        for weight, bias, into, out in zip(study["weights"], study["biases"], sizes, sizes[1:])
    ]
    x, noise = (jnp.array(study[name]).reshape(-1, 2) for name in ("x", "noise"))

    calls = [0]

    def count():
        calls[0] += 1

    def dynamics(t, state, params):
        f, tangent = dual(params, state[0], noise)
        return f, (tangent * noise).sum(1)

    def counted(*args):
        jax.debug.callback(count)
        return dynamics(*args)

    def evaluations_of(function):
        """How often one call evaluates the dynamics."""
        calls[0] = 0
        jax.block_until_ready(jax.jit(function)(params))
        jax.effects_barrier()
        return calls[0]

    def run(name, adjoint):
        controller = diffrax.PIDController(rtol=tolerance, atol=tolerance)

        def loss(params, dynamics):
            start = (x, jnp.zeros(len(x)))
            solution = diffrax.diffeqsolve(
                diffrax.ODETerm(dynamics), diffrax.Dopri5(), 0.0, 1.0, None, start, params,
                stepsize_controller=controller, adjoint=adjoint, max_steps=256,
            )  # fmt: skip
            z, log_det = solution.ys[0][-1], solution.ys[1][-1]
            log_prob = -0.5 * (z**2).sum(1) - jnp.log(2 * jnp.pi) + log_det
            return -log_prob.mean()

        def adamw(p, g, m, v):
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            rate, decay = study["learningRate"], study["weightDecay"]
            return p * (1 - rate * decay) - rate * (m / 0.1) / (jnp.sqrt(v / 0.001) + 1e-8), m, v

        @jax.jit
        def step(params, mean, variance):
            value, grads = jax.value_and_grad(loss)(params, dynamics)
            return value, jax.tree.map(adamw, params, grads, mean, variance)

        zeros = jax.tree.map(jnp.zeros_like, params)
        measured = measure(lambda: step(params, zeros, zeros), 2 * given["seconds"], 10)
        forward = evaluations_of(lambda params: loss(params, counted))
        backward = evaluations_of(lambda params: jax.grad(loss)(params, counted)) - forward
        report(study["name"], "step", name, measured, nfe=[forward, backward])

    run("diffrax, adjoint equation", diffrax.BacksolveAdjoint())
    run("diffrax, discrete adjoint", diffrax.RecursiveCheckpointAdjoint())


for case in given["cases"]:
    evaluations(case)
for case in given["convolutions"]:
    convolutions(case)
for study in given["studies"]:
    steps(study)
