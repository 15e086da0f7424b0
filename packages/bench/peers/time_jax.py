"""JAX's side of the comparison: `python3 time_jax.py THREADS < input.json`. One JSON row a line on standard output.

Everything is compiled by jit before it is timed. A dual pass is jax.jvp, its reverse pass jax.vjp of that; a step is
diffrax's Dopri5 with the adjoint equation, and with its default, discrete, checkpointed adjoint."""

import functools
import json
import sys

import diffrax
import jax
import jax.numpy as jnp

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


def evaluations(case):
    sizes, batch = case["sizes"], case["batch"]
    keys = iter(jax.random.split(jax.random.key(0), 100))
    params = [
        (jax.random.normal(next(keys), (out, into)) / into**0.5, jax.random.normal(next(keys), (out,)) * 0.1)
        for into, out in zip(sizes, sizes[1:])
    ]
    x, dx, ct, dct = (jax.random.normal(next(keys), (batch, sizes[0])) for _ in range(4))
    forward = jax.jit(dual)
    reverse = jax.jit(lambda params, x, dx, ct, dct: jax.vjp(dual, params, x, dx)[1]((ct, dct)))
    report(case["name"], "forward", "JAX jit", measure(lambda: forward(params, x, dx), given["seconds"]))
    report(case["name"], "vjp", "JAX jit", measure(lambda: reverse(params, x, dx, ct, dct), given["seconds"]))


def convolutions(case):
    images = (case["batch"], case["size"], case["size"], case["channels"])
    x, dy = (jax.random.normal(jax.random.key(i), images) for i in range(2))
    w = jax.random.normal(jax.random.key(2), (3, 3, case["channels"], case["channels"]))

    def convolve(x, w):
        return jax.lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    forward = jax.jit(convolve)
    reverse = jax.jit(lambda x, w, dy: jax.vjp(convolve, x, w)[1](dy))
    report(case["name"], "forward", "JAX jit", measure(lambda: forward(x, w), given["seconds"]))
    report(case["name"], "vjp", "JAX jit", measure(lambda: reverse(x, w, dy), given["seconds"]))


def steps(study):
    sizes, tolerance = study["sizes"], study["tolerance"]
    params = [
        (jnp.array(weight).reshape(out, into), jnp.array(bias))
        for weight, bias, into, out in zip(study["weights"], study["biases"], sizes, sizes[1:])
    ]
    x, noise = (jnp.array(study[name]).reshape(-1, 2) for name in ("x", "noise"))

    def dynamics(t, state, params):
        f, tangent = dual(params, state[0], noise)
        return f, (tangent * noise).sum(1)

    def run(name, adjoint):
        controller = diffrax.PIDController(rtol=tolerance, atol=tolerance)

        def loss(params):
            start = (x, jnp.zeros(len(x)))
            solution = diffrax.diffeqsolve(
                diffrax.ODETerm(dynamics), diffrax.Dopri5(), 0.0, 1.0, None, start, params,
                stepsize_controller=controller, adjoint=adjoint, max_steps=256,
            )  # fmt: skip
            z, log_det = solution.ys[0][-1], solution.ys[1][-1]
            log_prob = -0.5 * (z**2).sum(1) - jnp.log(2 * jnp.pi) + log_det
            return -log_prob.mean(), solution.stats["num_steps"]

        def adamw(p, g, m, v):
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            rate, decay = study["learningRate"], study["weightDecay"]
            return p * (1 - rate * decay) - rate * (m / 0.1) / (jnp.sqrt(v / 0.001) + 1e-8), m, v

        @jax.jit
        def step(params, mean, variance):
            (value, count), grads = jax.value_and_grad(loss, has_aux=True)(params)
            return value, count, jax.tree.map(adamw, params, grads, mean, variance)

        zeros = jax.tree.map(jnp.zeros_like, params)
        count = int(step(params, zeros, zeros)[1])
        measured = measure(lambda: step(params, zeros, zeros), 2 * given["seconds"], 10)
        report(study["name"], "step", name, measured, note=f"{count} steps of 6 evaluations forward")

    run("diffrax, adjoint equation", diffrax.BacksolveAdjoint())
    run("diffrax, discrete adjoint", diffrax.RecursiveCheckpointAdjoint())


for case in given["cases"]:
    evaluations(case)
for case in given["convolutions"]:
    convolutions(case)
for study in given["studies"]:
    steps(study)
