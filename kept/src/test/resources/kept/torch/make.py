"""Makes the files beside it with PyTorch (2.14.1 when they were made): python make.py"""
import collections, io, os, zipfile
import torch
from safetensors.torch import save_file

torch.manual_seed(3)
base = torch.randn(6, 5)
tensors = collections.OrderedDict(
    f32=base,
    part=base[2:4],                                   # shares its storage
    row=base[1, 1:4],
    f16=torch.randn(3, 4).half(),
    bf16=torch.randn(7).bfloat16(),
    f64=torch.randn(2, 2).double(),
    i64=torch.arange(5) - 2,
    i32=torch.tensor([[-7, 2**31 - 1]], dtype=torch.int32),
    u8=torch.tensor([0, 255], dtype=torch.uint8),
    flags=torch.tensor([True, False, True]),
    scalar=torch.tensor(1.5),
    none=torch.zeros(0, 4),
    parameter=torch.nn.Parameter(torch.randn(2, 3), requires_grad=True),
)
tensors['one column'] = torch.randn(3, 8)[:, :1].contiguous()
torch.save(tensors, 'types.bin')
torch.save(dict(tensors), 'types-protocol-4.bin', pickle_protocol=4)
save_file({name: t.detach().clone().contiguous() for name, t in tensors.items()}, 'types.safetensors')
torch.save(torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LayerNorm(2)).state_dict(), 'state-dict.bin')


class Attack:
    def __reduce__(self):
        return os.system, ('touch executed',)


torch.save({'weight': torch.zeros(2), 'attack': Attack()}, 'attack.bin')
torch.save({'weight': torch.zeros(2, 3).t()}, 'transposed.bin')
torch.save({'model': {'weight': torch.zeros(2)}, 'epoch': 3}, 'training.bin')
torch.save(torch.nn.Linear(2, 2), 'module.bin')
torch.save([torch.zeros(2)], 'list.bin')
torch.save({'weight': torch.zeros(2)}, 'legacy.bin', _use_new_zipfile_serialization=False)

whole = io.BytesIO()
torch.save({'weight': torch.zeros(2)}, whole)
with zipfile.ZipFile(whole) as source:
    with zipfile.ZipFile('compressed.bin', 'w', zipfile.ZIP_DEFLATED) as target:
        for entry in source.namelist():
            target.writestr(entry, source.read(entry))
    with zipfile.ZipFile('big-endian.bin', 'w') as target:
        for entry in source.namelist():
            target.writestr(entry, b'big' if entry.endswith('/byteorder') else source.read(entry))
    with zipfile.ZipFile('zip64.bin', 'w') as target:
        for entry in source.namelist():
            with target.open(entry, 'w', force_zip64=True) as out:
                out.write(source.read(entry))
