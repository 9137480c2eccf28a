"""Makes the files of views, doubles, PyTorch's old format and quantised tensors beside it with PyTorch (2.13 when they were made): python make_views.py"""
import collections
import torch
from safetensors.torch import save_file

torch.manual_seed(5)
base = torch.randn(6, 5)
cube = torch.randn(2, 3, 4)
tensors = collections.OrderedDict(
    whole=base,
    transposed=base.t(),
    part=base[2:4],
    columns=base[:, 1:4],
    every_second=base.flatten()[1::2],
    corner=base[1:5:2, 0:5:3],
    permuted=cube.permute(2, 0, 1),
    swapped=cube.bfloat16().transpose(0, 1),
    halves=torch.randn(4, 3).half().t(),
    integers=torch.arange(12).reshape(3, 4).t(),
    doubles=torch.tensor([[1.0, 1 / 3, 1e-300], [-2.5, 16777217.0, 3.4028234663852886e38]], dtype=torch.float64),
    doubles_transposed=torch.randn(3, 2, dtype=torch.float64).t(),
    scalar=torch.tensor(1.5),
    row=base[2],
    none=torch.zeros(0, 4),
)
torch.save(tensors, 'views.bin')
torch.save(tensors, 'views-legacy.bin', _use_new_zipfile_serialization=False)
save_file({name: (t.float() if t.dtype == torch.float64 else t).clone().contiguous() for name, t in tensors.items()}, 'views.safetensors')

torch.save({'weight': torch.zeros(1, 3).expand(4, 3)}, 'expanded.bin')
torch.save({'weight': torch.tensor([1e300], dtype=torch.float64)}, 'beyond.bin')
torch.save({'weight': torch.quantize_per_tensor(torch.randn(2, 2), 0.1, 0, torch.qint8)}, 'quantised.bin')
torch.save({'weight': torch.randn(2, 2).to(torch.float8_e4m3fn)}, 'float8.bin')
parameter = torch.nn.Parameter(torch.arange(4.0))
parameter.note = 'kept with it'
torch.save({'weight': parameter}, 'parameter-state.bin')
torch.save(torch.nn.Linear(2, 2), 'module-legacy.bin', _use_new_zipfile_serialization=False)
