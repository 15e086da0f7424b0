"""PyTorch's side of the comparison: `python3 time_pytorch.py THREADS < input.json`. One JSON row a line on standard output.

Evaluations are those of a continuous normalizing flow as its users write them: f, and the divergence by automatic
differentiation. Steps are whole optimiser steps with torchdiffeq's adjoint and with torchdyn."""

import functools
import json
import sys
import warnings

import torch

import timing
from timing import measure

warnings.filterwarnings("ignore")
threads = int(sys.argv[1])
torch.set_num_threads(threads)
given = json.load(sys.stdin)
report = functools.partial(timing.report, threads)


def network(params):
    layers = []
    for weight, bias in params:
        linear = torch.nn.Linear(*weight.shape[::-1])
        linear.weight.data, linear.bias.data = weight, bias
        layers += ([torch.nn.Sigmoid()] if layers else []) + [linear]
    return torch.nn.Sequential(*layers)


def decode(tensor):
    return torch.from_numpy(timing.decode(tensor))


def evaluations(case):
    flat = [decode(tensor) for tensor in case["params"]]
    net = network(zip(flat[::2], flat[1::2]))
    params = list(net.parameters())
    x, dx, ct, dct = (decode(tensor) for tensor in case["at"])

    def evaluate(create_graph):
        z = x.detach().requires_grad_(True)
        f = net(z)
        # Autograd gives products with the transpose: dctᵀ·J, of which dx is what dct is of our J·dx.
        (jacobian,) = torch.autograd.grad(f, z, dct, create_graph=create_graph)
        return z, f, jacobian

    def vjp():
        z, f, jacobian = evaluate(True)
        return torch.autograd.grad((f * ct).sum() + (jacobian * dx).sum(), [z, *params])

    _, f, jacobian = evaluate(False)
    value, tangent, of_x = (decode(tensor) for tensor in case["expected"])
    expected = [value, (tangent * dct).sum(1), of_x, *(decode(tensor) for tensor in case["ofParams"])]
    compared(case, "PyTorch autograd", lambda: evaluate(False), vjp, zip([f, (jacobian * dx).sum(1), *vjp()], expected))


def compared(case, name, forward, vjp, pairs):
    pairs = [(a.detach().numpy(), ours.numpy()) for a, ours in pairs]
    timing.timed_where_right(threads, case["name"], name, {"forward": forward, "vjp": vjp}, pairs, given["seconds"])


def convolutions(case):
    images, filters = (0, 3, 1, 2), (3, 2, 0, 1)  # PyTorch's order of the axes

    for layout, memory in (("", torch.contiguous_format), (", channels last", torch.channels_last)):
        def decoded(tensor, order):
            return decode(tensor).permute(order).contiguous(memory_format=memory)

        at, expected = case["at"], case["expected"]
        x, dy, w = decoded(at["x"], images), decoded(at["dy"], images), decoded(at["w"], filters)

        def forward():
            with torch.no_grad():
                return torch.nn.functional.conv2d(x, w, padding=1)

        x.requires_grad_(True), w.requires_grad_(True)
        y = torch.nn.functional.conv2d(x, w, padding=1)

        def vjp():
            return torch.autograd.grad(y, [x, w], dy, retain_graph=True)

        ours = [decoded(expected["y"], images), decoded(expected["ofX"], images), decoded(expected["ofW"], filters)]
        compared(case, "PyTorch" + layout, forward, vjp, zip([forward(), *vjp()], ours))


def field_layers(layer, tensors):
    """Parameters, or their cotangents, by layers and as PyTorch has them: of images, one filter that reads time and channels."""
    layers = {}
    for name, tensor in tensors.items():
        _, i, own = name.split(".", 2)
        layers.setdefault(int(i), {})[own] = decode(tensor)
    if layer == "concat":
        for p in layers.values():
            p["weight"] = torch.cat([p.pop("time"), p["weight"]], 2).permute(3, 2, 0, 1).contiguous()
    return [layers[i] for i in sorted(layers)]


def concatsquash(p, t, h):
    gate = torch.sigmoid(p["gate.weight"] * t + p["gate.bias"])
    return torch.nn.functional.linear(h, p["weight"], p["bias"]) * gate + p["shift.weight"] * t


def concat(p, t, h):
    input = torch.cat([torch.ones_like(h[:, :1]) * t, h], 1)
    return torch.nn.functional.conv2d(input, p["weight"], p["bias"], padding=1)


def fields(case):
    """FFJORD's evaluation, and its adjoint's: the divergence by autograd, in a graph that is always kept for another derivative."""
    net, t = case["net"], torch.tensor(case["time"])
    z, noise, of_value, of_divergence = (decode(case["at"][n]) for n in ("z", "noise", "ofValue", "ofDivergence"))
    shape = [net["shape"]] if isinstance(net["shape"], int) else [net["shape"][2], *net["shape"][:2]]
    if len(shape) == 3 and shape[0] > 1:
        raise ValueError("images of several channels would have to be transposed")
    images = [tensor.reshape(-1, *shape) for tensor in (z, noise, of_value)]
    layer = {"concatsquash": concatsquash, "concat": concat}[net["layer"]]
    activate = getattr(torch.nn.functional, net["activation"])

    def time(name, memory):
        z, noise, of_value = (tensor.to(memory_format=memory) if tensor.dim() == 4 else tensor for tensor in images)
        layers = field_layers(net["layer"], case["params"])
        for p in layers:
            for own, tensor in p.items():
                p[own] = (tensor.to(memory_format=memory) if tensor.dim() == 4 else tensor).requires_grad_(True)
        params = [p[own] for p in layers for own in sorted(p)]

        def evaluate():
            at = z.detach().requires_grad_(True)
            h = layer(layers[0], t, at)
            for p in layers[1:]:
                h = layer(p, t, activate(h))
            (jacobian,) = torch.autograd.grad(h, at, noise, create_graph=True)
            return at, h, (jacobian * noise).reshape(len(z), -1).sum(1)

        def vjp():
            at, value, divergence = evaluate()
            return torch.autograd.grad([value, divergence], [at, *params], [of_value, of_divergence])

        _, value, divergence = evaluate()
        of_z, *of_params = vjp()
        expected = case["expected"]
        of_layers = field_layers(net["layer"], expected["params"])
        results = (("value", value), ("divergence", divergence), ("z", of_z))
        pairs = [(result, decode(expected[own])) for own, result in results]
        # Here what is pruned has a gradient too.
        of_own = [p[own] for p in of_layers for own in sorted(p)]
        pairs += [(gradient * (param != 0), own) for gradient, param, own in zip(of_params, params, of_own)]
        compared(case, name, evaluate, vjp, [(a, ours.reshape(a.shape)) for a, ours in pairs])

    time("PyTorch FFJORD", torch.contiguous_format)
    if len(shape) == 3:
        time("PyTorch FFJORD, channels last", torch.channels_last)


class Flow(torch.nn.Module):
    """The state is [divergence, position], as torchdyn's CNF lays it out."""

    def __init__(self, net, noise):
        super().__init__()
        self.net, self.noise, self.nfe = net, noise, 0

    def forward(self, t, state, args=None):  # torchdyn gives arguments of the equation
        self.nfe += 1
        with torch.enable_grad():
            z = state[:, 1:].requires_grad_(True)
            f = self.net(z)
            (jacobian,) = torch.autograd.grad(f, z, self.noise, create_graph=True)
            divergence = (jacobian * self.noise).sum(1, keepdim=True)
        return torch.cat([-divergence, f], 1)


def steps(study):
    sizes = study["sizes"]
    x = torch.tensor(study["x"]).reshape(-1, 2)
    noise = torch.tensor(study["noise"]).reshape(-1, 2)
    prior = torch.distributions.MultivariateNormal(torch.zeros(2), torch.eye(2))
    tolerance = study["tolerance"]
    start = torch.cat([torch.zeros(len(x), 1), x], 1)
    times = torch.tensor([0.0, 1.0])

    def run(name, make_solve):
        layers = zip(study["weights"], study["biases"], sizes, sizes[1:])
        net = network([(torch.tensor(w).reshape(out, into), torch.tensor(b)) for w, b, into, out in layers])
        flow = Flow(net, noise)
        solve = make_solve(flow)
        # A learning rate of zero: all the work of a step, on the same parameters every time.
        optimizer = torch.optim.AdamW(net.parameters(), lr=0.0, weight_decay=study["weightDecay"])
        nfe = [0, 0]

        def step():
            optimizer.zero_grad()
            flow.nfe = 0
            end = solve(start)
            loss = -(prior.log_prob(end[:, 1:]) - end[:, 0]).mean()
            nfe[0], flow.nfe = flow.nfe, 0
            loss.backward()
            nfe[1] = flow.nfe
            optimizer.step()

        measured = measure(step, 2 * given["seconds"], 10)
        report(study["name"], "step", name, measured, nfe=nfe)

    def torchdiffeq_solver(flow):
        from torchdiffeq import odeint_adjoint

        options = dict(rtol=tolerance, atol=tolerance, method="dopri5", adjoint_options=dict(norm="seminorm"))
        return lambda state: odeint_adjoint(flow, state, times, **options)[-1]

    def torchdyn_solver(flow):
        from torchdyn.core import NeuralODE

        tolerances = dict(atol=tolerance, rtol=tolerance, atol_adjoint=tolerance, rtol_adjoint=tolerance)
        ode = NeuralODE(flow, sensitivity="adjoint", solver="dopri5", solver_adjoint="dopri5", **tolerances)
        return lambda state: ode(state, times)[1][-1]

    for name, make in (("torchdiffeq", torchdiffeq_solver), ("torchdyn", torchdyn_solver)):
        try:
            run(name, make)
        except Exception as error:  # one system that fails must not hide the other
            print(json.dumps({"problem": f"{name} is not measured: {type(error).__name__}: {error}"}), flush=True)


for case in given["cases"]:
    evaluations(case)
for case in given["convolutions"]:
    convolutions(case)
for case in given["fields"]:
    fields(case)
for study in given["studies"]:
    steps(study)
