"""Writes tensors of float64, uint8 and bool as PyTorch does, for NamedTensorsTest: python make_types.py"""
import math

import torch
from safetensors.torch import save_file

save_file({
    "f64": torch.tensor([math.pi, -1e300, 5e-324, math.inf, math.nan], dtype=torch.float64),
    "u8": torch.tensor([[0, 1, 127], [128, 255, 7]], dtype=torch.uint8),
    "bool": torch.tensor([True, False, True]),
}, "types.safetensors")
