"""The format of the golden cases of operations, for make_operations.py and make_types.py.

A case is a line "case NAME NUMBERS...", a line "in TYPE SHAPE VALUES..." for each operand, a line "out ..." for each result and a line
"gradient ..." for each floating operand, of the first result times the weights ((7 i) mod 5 - 2) / 2 + 0.25.
"""
import torch

NAMES = {torch.float32: "f32", torch.float16: "f16", torch.bfloat16: "bf16", torch.float64: "f64", torch.int32: "i32", torch.int64: "i64",
         torch.uint8: "u8", torch.bool: "bool"}


def writer(floating):
    """Returns the function that writes a case; floating formats a floating number."""
    def text(kind, x):
        x = x.detach()
        values = [floating(v) for v in x.double().flatten().tolist()] if x.is_floating_point() else [str(int(v)) for v in x.flatten().tolist()]
        print(kind, NAMES[x.dtype], ",".join(map(str, x.shape)) or "-", *values)

    def case(name, numbers, operands, function, differentiable=True):
        print("case", name, *numbers)
        operands = [x.clone().requires_grad_() if x.is_floating_point() and differentiable else x for x in operands]
        for x in operands:
            text("in", x)
        results = function(*operands)
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
