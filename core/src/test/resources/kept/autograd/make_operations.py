"""Writes the values and gradients that PyTorch gives for operations of tensors, for PyTorchOperationsTest:
python make_operations.py > operations.txt

cases.py describes the format.
"""
import itertools
import math
import random

import torch
import torch.nn.functional as F
from cases import writer

random.seed(1)
torch.manual_seed(1)
NAN, INF = math.nan, math.inf

case = writer(lambda v: "%.9g" % v)


def normal(*shape):
    return (torch.randn(shape) * 2).round(decimals=3)


SPECIAL = torch.tensor([NAN, INF, -INF, 0.0, -0.0, 0.5, -0.5, 1.5, 2.5, -2.5, 1e-40, -1e30, 65536.5, 3.4e38, 8388609.0, -0.99999994])
UNARY = dict(sin=torch.sin, cos=torch.cos, erf=torch.erf, floor=torch.floor, ceil=torch.ceil, round=torch.round, sign=torch.sign, gelu=F.gelu,
             geluTanh=lambda x: F.gelu(x, approximate="tanh"))
for name, f in UNARY.items():
    case(name, [], [normal(3, 5)], f)
    case(name, [], [normal(7) * 40], f)
    case(name, [], [SPECIAL], f, False)
case("sin", [], [torch.tensor([1e5, 1e10, 1e20, 3e38, -7e30, 102943.7])], torch.sin)
case("cos", [], [torch.tensor([1e5, 1e10, 1e20, 3e38, -7e30, 102943.7])], torch.cos)
for name in "floor", "ceil", "round", "sign":
    case(name, [], [torch.tensor([-3, 0, 5])], UNARY[name])

small = torch.tensor([[0.0, 1.0, NAN], [0.0, -INF, -0.0], [0.0, 0.0, 0.0]])
for name, f in dict(isNaN=torch.isnan, isInfinite=torch.isinf, isFinite=torch.isfinite, logicalNot=torch.logical_not).items():
    case(name, [], [SPECIAL], f, False)
    case(name, [], [torch.tensor([0, -3, 7], dtype=torch.int32)], f)
for name, f in dict(logicalAnd=torch.logical_and, logicalOr=torch.logical_or, logicalXor=torch.logical_xor).items():
    case(name, [], [small, torch.tensor([1, 0, 3])], f, False)
    case(name, [], [small, small.flip(0)], f, False)
for name, f in dict(any=torch.any, all=torch.all).items():
    for axis in 0, 1, -1:
        case(name, [axis], [small], lambda x: f(x, axis), False)
        case(name, [axis], [torch.zeros(2, 0, 3)], lambda x: f(x, axis), False)

for shape in (4,), (1,), (2, 3), (2, 7, 3), (3, 0), (2, 1, 5):
    for axis in range(len(shape)):
        case("prod", [axis], [normal(*shape)], lambda x: torch.prod(x, axis))
        case("cumSum", [axis], [normal(*shape)], lambda x: torch.cumsum(x, axis))
        case("prod", [axis], [normal(*shape).int()], lambda x: torch.prod(x, axis))
        case("cumSum", [axis], [normal(*shape).int()], lambda x: torch.cumsum(x, axis))
        case("flip", [axis], [normal(*shape)], lambda x: torch.flip(x, [axis]))
        for descending in 0, 1:
            case("sort", [axis, descending], [normal(*shape)], lambda x: torch.sort(x, dim=axis, descending=bool(descending), stable=True))
            k = (shape[axis] + 1) // 2
            case("topK", [k, axis, descending], [normal(*shape)], lambda x: torch.topk(x, k, axis, largest=bool(descending)))
        if shape[axis]:
            case("argMin", [axis], [normal(*shape).round()], lambda x: torch.argmin(x, axis), False)
with_zeros = torch.tensor([[0.0, 2.0, 3.0], [0.0, 0.0, 5.0], [1.0, 2.0, 0.0]])
case("prod", [1], [with_zeros], lambda x: torch.prod(x, 1))
case("prod", [0], [with_zeros], lambda x: torch.prod(x, 0))
case("cumSum", [0], [torch.tensor([1.0, INF, 2.0, -INF, 3.0])], lambda x: torch.cumsum(x, 0), False)
for axis in 0, 1:
    for descending in 0, 1:
        case("sort", [axis, descending], [small], lambda x: torch.sort(x, dim=axis, descending=bool(descending), stable=True), False)
    case("argMin", [axis], [small], lambda x: torch.argmin(x, axis), False)

EQUATIONS = {
    "ij,jk->ik": [(2, 3), (3, 4)], "ij,kj->ki": [(2, 3), (4, 3)], "bij,bjk->bik": [(2, 3, 4), (2, 4, 5)], "i,i->": [(4,), (4,)], "i,j->ij": [(2,), (3,)],
    "ij->ji": [(2, 3)], "ij->": [(2, 3)], "ij->j": [(2, 3)], "ii->i": [(3, 3)], "ii": [(3, 3)], "iij->j": [(3, 3, 2)], "ij,ij->ij": [(2, 3), (2, 3)],
    "ij,jk": [(2, 3), (3, 4)], "ba": [(2, 3)], "bhqd,bhkd->bhqk": [(2, 2, 3, 4), (2, 2, 5, 4)], "...ij,...jk->...ik": [(2, 1, 3, 4), (5, 4, 2)],
    "...i->...": [(2, 3, 4)], "i...->...i": [(2, 3, 4)], "ij,jk,kl->il": [(2, 3), (3, 4), (4, 2)], "ij,ik,il->jkl": [(2, 2), (2, 3), (2, 4)],
    "ij,j->i": [(2, 3), (3,)], "ij,kl->": [(2, 3), (2, 2)], "ij,ik->ij": [(2, 3), (2, 4)], "bi,ij,bj->b": [(2, 3), (3, 4), (2, 4)],
    "ij,jk->k": [(2, 3), (3, 4)], "ij,ij->": [(2, 3), (2, 3)], "ij,jk->ki": [(1, 3), (3, 1)], "ij,jk->ik#": [(2, 1), (3, 4)], "ii,ij->j": [(3, 3), (3, 2)],
    "...,...->...": [(2, 1), (3,)], "abc,cd->abd": [(2, 0, 3), (3, 2)], "ij,jk->ik##": [(2, 0), (0, 3)],
}
for equation, shapes in EQUATIONS.items():
    equation = equation.rstrip("#")
    case("einsum", [equation], [normal(*s) for s in shapes], lambda *x: torch.einsum(equation, *x))
case("outer", [], [normal(3), normal(4)], torch.outer)
for value, amounts in (0.0, [1, 2]), (3.5, [0, 1, 2, 0]), (-1.0, [-1, 1]), (0.0, [1, 1, 1, 1, 1, 1]), (2.0, [-1, -1, 2, -1]), (0.0, [0, 0]):
    case("pad", [value, *amounts], [normal(2, 3, 4)], lambda x: F.pad(x, amounts, value=value))
for shape in (3, 4), (2, 4, 3), (1, 1):
    for diagonal in -5, -2, -1, 0, 1, 2, 3, 5:
        case("tril", [diagonal], [normal(*shape)], lambda x: torch.tril(x, diagonal))
        case("triu", [diagonal], [normal(*shape)], lambda x: torch.triu(x, diagonal))
case("triu", [1], [torch.full((3, 3), -INF)], lambda x: torch.triu(x, 1), False)
case("oneHot", [4], [torch.tensor([[0, 3], [1, 1]])], lambda x: F.one_hot(x, 4))
for start, end, count in (0, 1, 5), (-2.5, 7, 11), (3, 3, 4), (1, 0, 3), (0, 10, 1), (0, 10, 0), (-1, 1, 2):
    case("linspace", [start, end, count], [], lambda: torch.linspace(start, end, count), False)
for rows, columns in (3, 3), (2, 4), (4, 2), (0, 2):
    case("eye", [rows, columns], [], lambda: torch.eye(rows, columns), False)

case("crossEntropy", [], [normal(4, 5), torch.tensor([0, 4, 2, 2])], F.cross_entropy)
case("crossEntropy", [], [normal(4, 5), torch.tensor([0, -100, 2, -100])], F.cross_entropy)
case("crossEntropy", [], [normal(2, 3, 5), torch.tensor([[0, 1, 4], [-100, 2, 2]])],
     lambda x, y: F.cross_entropy(x.flatten(0, 1), y.flatten()))
case("crossEntropy", [], [torch.tensor([[1.0, -INF], [0.0, 5.0]]), torch.tensor([0, 1])], F.cross_entropy, False)
for stride, padding, dilation, groups in itertools.product((1, 2), (0, 2), (1, 2), (1, 2)):
    numbers = [stride, padding, dilation, groups]
    for bias in (True, False) if groups == 2 else (True,):
        operands = [normal(2, 4, 9), normal(6, 4 // groups, 3)] + ([normal(6)] if bias else [])
        case("conv1d", numbers, operands, lambda x, w, b=None: F.conv1d(x, w, b, stride, padding, dilation, groups))
        operands = [normal(2, 4, 5, 6), normal(2, 4 // groups, 3, 2)] + ([normal(2)] if bias else [])
        case("conv2d", numbers, operands, lambda x, w, b=None: F.conv2d(x, w, b, stride, padding, dilation, groups))
