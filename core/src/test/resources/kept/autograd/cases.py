"""The format of the golden cases of operations, for make_operations.py, make_types.py and make_layouts.py.

A case is a line "case NAME NUMBERS...", a line "in TYPE SHAPE VALUES..." for each operand, a line "out ..." for each result and a line
"gradient ..." for each floating operand, of the first result times the weights ((7 i) mod 5 - 2) / 2 + 0.25.

The shape of an operand that is a view is the shape of the tensor that is viewed, and then the views in order: ";T0,1" exchanges axes 0 and 1,
";S0,1,5,2" takes every second of axis 0 from 1 up to 5, ";E2,3" expands, ";U0" inserts an axis. Its gradient is that of the viewed tensor.
"""
import torch

NAMES = {torch.float32: "f32", torch.float16: "f16", torch.bfloat16: "bf16", torch.float64: "f64", torch.int32: "i32", torch.int64: "i64",
         torch.uint8: "u8", torch.bool: "bool"}


class View:
    """Views of a tensor, an operand of a case."""

    def __init__(self, base, steps):
        self.base = base
        self.steps = steps

    def of(self, x):
        for kind, *n in self.steps:
            if kind == "T":
                x = x.transpose(*n)
            elif kind == "S":
                x = x[(slice(None),) * n[0] + (slice(n[1], n[2], n[3]),)]
            elif kind == "E":
                x = x.expand(n)
            else:
                x = x.unsqueeze(n[0])
        return x

    def text(self):
        return "".join(";" + kind + ",".join(map(str, n)) for kind, *n in self.steps)


def writer(floating):
    """Returns the function that writes a case; floating formats a floating number."""
    def text(kind, x, views=""):
        x = x.detach()
        values = [floating(v) for v in x.double().flatten().tolist()] if x.is_floating_point() else [str(int(v)) for v in x.flatten().tolist()]
        print(kind, NAMES[x.dtype], (",".join(map(str, x.shape)) or "-") + views, *values)

    def case(name, numbers, operands, function, differentiable=True):
        print("case", name, *numbers)
        views = [x if isinstance(x, View) else View(x, []) for x in operands]
        operands = [v.base.clone().requires_grad_() if v.base.is_floating_point() and differentiable else v.base for v in views]
        for x, v in zip(operands, views):
            text("in", x, v.text())
        results = function(*(v.of(x) for x, v in zip(operands, views)))
        results = list(results) if isinstance(results, (tuple, list)) else [results]
        for y in results:
            text("out", y)
        if differentiable and results[0].requires_grad:
            y = results[0]
            weights = torch.tensor([((7 * i) % 5 - 2) / 2 + 0.25 for i in range(y.numel())]).reshape(y.shape).to(y.dtype)
            (y * weights).sum().backward()
            for x in operands:
                if x.is_floating_point():
                    text("gradient", torch.zeros_like(x) if x.grad is None else x.grad)

    return case
