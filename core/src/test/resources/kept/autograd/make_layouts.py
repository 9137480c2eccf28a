"""Writes what PyTorch gives for operands that are views of all kinds, for empty ones and for NaN, infinities and zeros with a sign:
python make_layouts.py > layouts.txt

cases.py describes the format.
"""
import math
import random

import torch
import torch.nn.functional as F
from cases import View, writer

random.seed(5)
EXTENTS = [0, 1, 1, 2, 2, 3, 3, 4, 5]
SPECIAL = [0.0, -0.0, math.nan, math.inf, -math.inf, 1e-40, 3.4e38, -3.4e38, 1.0, -1.0, 0.5, 88.5, -104.0]
FLOATING = [torch.float32, torch.float32, torch.float64]

case = writer(lambda v: "%.9g" % v if v == float("%.9g" % v) or abs(v) < 1e-30 else repr(v))


def shape(lowest=0, most=24):
    while True:
        extents = [random.choice(EXTENTS) for _ in range(random.randint(lowest, 4))]
        if math.prod(extents) <= most:
            return extents


def numbers(dtype, extents, special):
    values = [random.choice(SPECIAL) if random.random() < special else random.gauss(0, 2) for _ in range(math.prod(extents))]
    if dtype.is_floating_point:
        return torch.tensor(values, dtype=torch.float64).float().to(dtype).reshape(extents)
    return torch.tensor([0 if not math.isfinite(v) else int(max(-1e9, min(1e9, v * 3))) for v in values], dtype=dtype).reshape(extents)


def view(dtype, extents, special=0.0):
    """A tensor of some extents as views of another, found from the last view to the first."""
    extents = list(extents)
    steps = []
    for _ in range(random.randint(0, 3)):
        kind = random.choice("TSEU")
        axis = random.randrange(len(extents)) if extents else 0
        if kind == "T" and len(extents) > 1:
            other = random.randrange(len(extents))
            extents[axis], extents[other] = extents[other], extents[axis]
            steps.append(["T", axis, other])
        elif kind == "S" and extents:
            first, step = random.randint(0, 2), random.randint(1, 2)
            end = first + max(0, extents[axis] - 1) * step + (extents[axis] > 0)
            extents[axis] = end + random.randint(0, 1)
            steps.append(["S", axis, first, end, step])
        elif kind == "E" and extents:
            steps.append(["E"] + extents)
            extents[axis] = 1
        elif kind == "U" and 1 in extents:
            axis = extents.index(1)
            del extents[axis]
            steps.append(["U", axis])
    return View(numbers(dtype, extents, special), steps[::-1])


def axis_of(extents):
    axis = random.randrange(len(extents))
    return axis, axis - len(extents) if random.random() < 0.5 else axis


UNARY = dict(neg=torch.neg, abs=torch.abs, exp=torch.exp, log=torch.log, sqrt=torch.sqrt, rsqrt=torch.rsqrt, tanh=torch.tanh, sigmoid=torch.sigmoid,
             relu=torch.relu, floor=torch.floor, ceil=torch.ceil, round=torch.round, sign=torch.sign, erf=torch.erf, isNaN=torch.isnan,
             isInfinite=torch.isinf, isFinite=torch.isfinite, logicalNot=torch.logical_not)
for name, f in UNARY.items():
    for _ in range(8):
        case(name, [], [view(random.choice(FLOATING), shape(), 0.4)], f)

BINARY = dict(add=torch.add, sub=torch.sub, mul=torch.mul, div=torch.div, minimum=torch.minimum, maximum=torch.maximum, eq=torch.eq, lt=torch.lt,
              ge=torch.ge, logicalAnd=torch.logical_and)
for name, f in BINARY.items():
    for _ in range(14):
        first = shape()
        second = [1 if random.random() < 0.3 else extent for extent in first][random.randint(0, len(first)):]
        dtype = random.choice(FLOATING)
        pair = [view(dtype, first, 0.2), view(dtype, second, 0.2)]
        case(name, [], pair if random.random() < 0.5 else pair[::-1], f)

REDUCTIONS = dict(sum=torch.sum, prod=torch.prod, mean=torch.mean, variance=lambda x, a: torch.var(x, a, correction=0), max=torch.amax, min=torch.amin,
                  logSumExp=torch.logsumexp, any=torch.any, all=torch.all, argMax=torch.argmax, argMin=torch.argmin, cumSum=torch.cumsum,
                  softmax=torch.softmax, logSoftmax=torch.log_softmax)
for name, f in REDUCTIONS.items():
    for i in range(14):
        extents = shape(1)
        along, axis = axis_of(extents)
        if extents[along] == 0 and name in ("max", "min", "logSumExp", "argMax", "argMin"):
            extents[along] = 2
        special = 0.15 if i % 3 == 0 and name not in ("variance", "prod", "mean") else 0
        case(name, [axis], [view(random.choice(FLOATING), extents, special)], lambda x: f(x, axis), special == 0)
    for dtype in (torch.int32, torch.int64, torch.uint8, torch.bool):
        if name in ("sum", "prod", "cumSum", "any", "all"):
            for extents in ([0, 3], [0, 300], [2, 0, 3], [3, 2]):
                x = View(numbers(dtype, extents, 0).abs() if dtype != torch.bool else numbers(torch.int32, extents, 0) > 0, [["T", 0, 1]])
                case(name, [1], [x], lambda x: f(x, 1).bool() if name in ("any", "all") else f(x, 1))

for _ in range(30):
    batch = shape(0, 3)[:2]
    m, k, n = (random.choice([0, 1, 2, 3, 4]) for _ in range(3))
    dtype = random.choice(FLOATING)
    case("matmul", [], [view(dtype, batch + [m, k]), view(dtype, batch[random.randint(0, len(batch)):] + [k, n])], torch.matmul)
for _ in range(14):
    extents = shape(1, 8)
    along, axis = axis_of(extents)
    dtype = random.choice(FLOATING)
    parts = [view(dtype, [random.randint(0, 3) if i == along else extent for i, extent in enumerate(extents)], 0.1) for _ in range(3)]
    case("concat", [axis], parts, lambda *x: torch.cat(x, axis))
    case("flip", [axis], [view(dtype, extents, 0.1)], lambda x: torch.flip(x, [axis]))
    case("pad", [2, 1, 2], [view(dtype, extents)], lambda x: F.pad(x, [1, 2], value=2.0))
    case("sort", [axis, 1], [view(dtype, extents, 0.2)], lambda x: torch.sort(x, dim=axis, descending=True, stable=True))
    index = torch.randint(0, max(1, extents[along]), [0 if extents[along] == 0 else 2 if i == along else extent for i, extent in enumerate(extents)])
    case("gather", [axis], [view(dtype, extents, 0.1), View(index, [])], lambda x, i: torch.gather(x, axis, i))
    case("scatterAdd", [axis], [view(dtype, extents), View(index, []), view(dtype, list(index.shape))],
         lambda x, i, y: torch.scatter_add(x, axis, i, y))
    square = extents + [3, 2]
    case("tril", [0], [view(dtype, square, 0.1)], lambda x: torch.tril(x))
    case("where", [], [View(numbers(torch.int32, extents, 0) > 0, []), view(dtype, extents, 0.2), view(dtype, [], 0.2)], torch.where)
    width = random.choice([2, 3, 5])
    # No repeated elements, which have no variance but that of rounding.
    rows = View(numbers(dtype, [width] + extents[1:] + extents[:1], 0), [["T", 0, len(extents)]])
    case("layerNorm", [], [rows, view(dtype, [width]), view(dtype, [width])],
         lambda x, w, b: F.layer_norm(x, [width], w, b, 1e-5))
    case("rmsNorm", [], [view(dtype, extents + [width]), view(dtype, [width])], lambda x, w: F.rms_norm(x, [width], w, 1e-5))
    case("swiGlu", [], [view(dtype, extents), view(dtype, extents)], lambda x, y: F.silu(x) * y)
    case("outer", [], [view(dtype, [extents[0]]), view(dtype, [extents[-1]])], torch.outer)
