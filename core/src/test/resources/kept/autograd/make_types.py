"""Writes what PyTorch gives for tensors of float64, uint8 and bool, for PyTorchTypesTest:
python make_types.py > types.txt

cases.py describes the format. Floating numbers are written exactly.

PyTorch leaves open what floats beyond an integer type become; here they saturate, and NaN is 0.
"""
import math
import random

import torch
import torch.nn.functional as F
from cases import NAMES, writer

random.seed(2)
torch.manual_seed(2)
NAN, INF = math.nan, math.inf
TYPES = list(NAMES)
INTEGERS = [torch.int32, torch.int64, torch.uint8]

case = writer(repr)


def numbers(dtype, *shape):
    if dtype == torch.bool:
        return torch.randint(0, 2, shape).bool()
    if dtype == torch.uint8:
        return torch.randint(1, 256, shape).to(dtype)
    if dtype in INTEGERS:
        return torch.randint(1, 100, shape).to(dtype) * (torch.randint(0, 2, shape) * 2 - 1).to(dtype)
    return (torch.randn(shape, dtype=torch.float64) * 3).to(dtype)


def cast(x, to):
    if x.is_floating_point() and to in INTEGERS:
        info = torch.iinfo(to)
        return torch.tensor([0 if v != v else max(info.min, min(info.max, int(v) if abs(v) != INF else (2 ** 70 if v > 0 else -2 ** 70)))
                             for v in x.double().flatten().tolist()], dtype=to)
    return x.to(to)


SPECIAL = [NAN, INF, -INF, 0.0, -0.0, 0.5, -0.5, 0.99, -0.99, 1.5, -1.5, 2.5, 127.9, 128.0, 255.0, 255.9, 256.0, 300.0, -1.0, -300.7, 65504.0, 65520.0, 7e4, 1e10, -1e10, 2.0 ** 31,
           -2.0 ** 31 - 1, 2.0 ** 53 + 2, 2.0 ** 63, -2.0 ** 63, 1e19, -1e19, 1e38, 1e39, -1e39, 1e300, 1e-40, 1e-300, 1e-320, math.pi, -math.e]
WHOLES = [0, 1, -1, 2, 127, 128, 255, 256, 257, 300, -300, 65504, 65521, 2 ** 24 + 1, 2 ** 31 - 1, -2 ** 31, 2 ** 31, 2 ** 40 + 7, 2 ** 53 + 1, 2 ** 62 + 3, 2 ** 63 - 1, -2 ** 63]
for source in TYPES:
    if source == torch.bool:
        x = torch.tensor([True, False, True])
    elif source in INTEGERS:
        info = torch.iinfo(source)
        x = torch.tensor([v for v in WHOLES if info.min <= v <= info.max], dtype=source)
    else:
        x = torch.tensor(SPECIAL, dtype=torch.float64).to(source)
    for target in TYPES:
        # Beyond 2^53 int64 to a 16-bit float goes by way of float32, here as there; float64 is rounded once here and twice there, which the
        # numbers above do not tell apart.
        case("cast", [NAMES[target]], [x], lambda y: cast(y, target), False)

BINARY = dict(add=torch.add, sub=torch.sub, mul=torch.mul, minimum=torch.minimum, maximum=torch.maximum, eq=torch.eq, ne=torch.ne, lt=torch.lt,
              le=torch.le, gt=torch.gt, ge=torch.ge, logicalAnd=torch.logical_and, logicalOr=torch.logical_or, logicalXor=torch.logical_xor)
EXACT = {torch.bool: TYPES, torch.uint8: TYPES, torch.int32: [torch.int64, torch.float64], torch.int64: []}
for a in TYPES:
    for b in TYPES:
        both_floating = a.is_floating_point and b.is_floating_point
        fits = a == b or both_floating or b in EXACT.get(a, []) or a in EXACT.get(b, [])
        if a == torch.uint8 and b == torch.bool or b == torch.uint8 and a == torch.bool:
            fits = True
        if not fits:
            continue
        for name, f in BINARY.items():
            if name == "sub" and torch.bool in (a, b):
                continue  # PyTorch refuses every difference with a bool
            case(name, [], [numbers(a, 2, 3), numbers(b, 3)], f, a == torch.float64 and b == torch.float64)
        if both_floating:
            case("div", [], [numbers(a, 2, 3), numbers(b, 3)], torch.div, a == torch.float64 and b == torch.float64)
        elif torch.bool not in (a, b) and not a.is_floating_point and not b.is_floating_point:
            case("div", [], [numbers(a, 2, 3), numbers(b, 3)], lambda x, y: torch.div(x, y, rounding_mode="trunc"))
case("add", [], [torch.tensor([250, 3, 0], dtype=torch.uint8), torch.tensor([10, 255, 0], dtype=torch.uint8)], torch.add)
case("sub", [], [torch.tensor([2, 3, 0], dtype=torch.uint8), torch.tensor([10, 255, 1], dtype=torch.uint8)], torch.sub)
case("mul", [], [torch.tensor([16, 255, 3], dtype=torch.uint8), torch.tensor([16, 255, 100], dtype=torch.uint8)], torch.mul)

UNARY = dict(neg=torch.neg, abs=torch.abs, exp=torch.exp, log=torch.log, sqrt=torch.sqrt, rsqrt=torch.rsqrt, tanh=torch.tanh, sigmoid=torch.sigmoid,
             silu=F.silu, sin=torch.sin, cos=torch.cos, erf=torch.erf, floor=torch.floor, ceil=torch.ceil, round=torch.round, sign=torch.sign,
             gelu=F.gelu, geluTanh=lambda x: F.gelu(x, approximate="tanh"), relu=torch.relu, square=torch.square)
OF_INTEGERS = ["neg", "abs", "floor", "ceil", "round", "sign", "relu"]
for name, f in UNARY.items():
    x = numbers(torch.float64, 3, 5)
    case(name, [], [x.abs() + 0.1 if name in ("log", "sqrt", "rsqrt") else x], f)
    if name in OF_INTEGERS:
        case(name, [], [torch.tensor([0, 1, 100, 128, 255], dtype=torch.uint8)], f)
for name in "isNaN", "isInfinite", "isFinite", "logicalNot":
    f = {"isNaN": torch.isnan, "isInfinite": torch.isinf, "isFinite": torch.isfinite, "logicalNot": torch.logical_not}[name]
    case(name, [], [torch.tensor(SPECIAL, dtype=torch.float64)], f, False)
    case(name, [], [numbers(torch.uint8, 4)], f)
    case(name, [], [numbers(torch.bool, 4)], f)
for p in 0.5, 2.0, 3.0, -1.0, 2.5:
    case("pow", [p], [numbers(torch.float64, 2, 3).abs() + 0.1], lambda x: torch.pow(x, p))

for dtype in [torch.float64, torch.uint8, torch.bool]:
    for shape in (4,), (2, 3), (2, 7, 3):
        for axis in range(len(shape)):
            x = numbers(dtype, *shape)
            case("sum", [axis], [x], lambda x: torch.sum(x, axis))
            case("prod", [axis], [x], lambda x: torch.prod(x, axis))
            case("cumSum", [axis], [x], lambda x: torch.cumsum(x, axis))
            case("max", [axis], [x], lambda x: torch.amax(x, axis))
            case("min", [axis], [x], lambda x: torch.amin(x, axis))
            case("any", [axis], [x], lambda x: torch.any(x, axis).bool(), False)
            case("all", [axis], [x], lambda x: torch.all(x, axis).bool(), False)
            if dtype != torch.bool:
                distinct = torch.randperm(x.numel()).reshape(shape).to(dtype)
                case("argMax", [axis], [distinct], lambda x: torch.argmax(x, axis), False)
                case("argMin", [axis], [distinct], lambda x: torch.argmin(x, axis), False)
            for descending in 0, 1:
                case("sort", [axis, descending], [x], lambda x: torch.sort(x, dim=axis, descending=bool(descending), stable=True), False)
case("sort", [0, 0], [torch.tensor([1 + 2.0 ** -40, 1.0, NAN, -INF, 1 - 2.0 ** -40, INF, 1e-320, -1e-320, 1e300], dtype=torch.float64)],
     lambda x: torch.sort(x, stable=True), False)

D = torch.float64
for axis in 0, 1:
    case("mean", [axis], [numbers(D, 3, 5)], lambda x: torch.mean(x, axis))
    case("variance", [axis], [numbers(D, 3, 5)], lambda x: torch.var(x, axis, unbiased=False))
    case("softmax", [axis], [numbers(D, 3, 5)], lambda x: torch.softmax(x, axis))
    case("logSoftmax", [axis], [numbers(D, 3, 5)], lambda x: torch.log_softmax(x, axis))
    case("logSumExp", [axis], [numbers(D, 3, 5)], lambda x: torch.logsumexp(x, axis))
for a, b in ((3, 4), (4, 2)), ((2, 3, 4), (4, 5)), ((2, 1, 3, 4), (3, 4, 2)), ((40, 70), (70, 33)), ((0, 3), (3, 2)), ((3, 0), (0, 2)):
    case("matmul", [], [numbers(D, *a), numbers(D, *b)], torch.matmul)
case("matmul", [], [numbers(torch.float32, 3, 4), numbers(D, 4, 2)], lambda a, b: torch.matmul(a.double(), b))
case("matmul", [], [numbers(D, 2, 3, 4), numbers(torch.float32, 4, 2)], lambda a, b: torch.matmul(a, b.double()))
case("linear", [], [numbers(D, 2, 3, 4), numbers(D, 5, 4), numbers(D, 5)], F.linear)
case("layerNorm", [], [numbers(D, 2, 3, 6), numbers(D, 6), numbers(D, 6)], lambda x, w, b: F.layer_norm(x, (6,), w, b, 1e-5))
case("rmsNorm", [], [numbers(D, 2, 3, 6), numbers(D, 6)], lambda x, w: F.rms_norm(x, (6,), w, 1e-5))
case("attention", [], [numbers(D, 2, 5, 4, 6), numbers(D, 2, 5, 2, 6), numbers(D, 2, 5, 2, 6)],
     lambda q, k, v: F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2).repeat_interleave(2, 1),
                                                    v.transpose(1, 2).repeat_interleave(2, 1), is_causal=True).transpose(1, 2))
case("fullAttention", [], [numbers(D, 2, 3, 4, 6), numbers(D, 2, 5, 2, 6), numbers(D, 2, 5, 2, 6)],
     lambda q, k, v: F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2).repeat_interleave(2, 1),
                                                    v.transpose(1, 2).repeat_interleave(2, 1)).transpose(1, 2))
case("swiGlu", [], [numbers(D, 3, 4), numbers(D, 3, 4)], lambda g, u: F.silu(g) * u)
case("crossEntropy", [], [numbers(D, 5, 7), torch.tensor([0, 6, 3, 3, 1])], F.cross_entropy)
case("embedding", [], [numbers(D, 5, 3), torch.tensor([[4, 0], [4, 2]])], lambda w, i: F.embedding(i, w))
case("conv1d", [], [numbers(D, 2, 3, 9), numbers(D, 4, 3, 3), numbers(D, 4)], F.conv1d)
for dtype in D, torch.uint8, torch.bool:
    index = torch.tensor([[0, 2, 1], [1, 1, 0]])
    case("gather", [1], [numbers(dtype, 2, 4), index], lambda x, i: torch.gather(x, 1, i))
    case("scatterAdd", [1], [numbers(dtype, 2, 4), index, numbers(dtype, 2, 3)], lambda x, i, s: torch.scatter_add(x, 1, i, s))
    case("where", [], [numbers(torch.bool, 2, 3), numbers(dtype, 2, 3), numbers(dtype, 3)], torch.where)
    case("concat", [0], [numbers(dtype, 2, 3), numbers(dtype, 1, 3)], lambda *x: torch.cat(x, 0))
    case("flip", [0], [numbers(dtype, 3, 2)], lambda x: torch.flip(x, [0]))
    case("tril", [0], [numbers(dtype, 3, 3)], lambda x: torch.tril(x, 0))
