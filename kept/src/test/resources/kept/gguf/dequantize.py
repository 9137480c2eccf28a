"""Checks a GGUF file against the Llama it was made from, by the Python package gguf (0.19.0), and makes a Llama of it again.

Usage: dequantize.py LLAMA FILE.gguf OUTPUT, where LLAMA holds one model.safetensors. OUTPUT becomes a directory that transformers and kept load: the
file's weights in f32, in Hugging Face's order. Prints how many tensors are the same, and the relative RMS error of those in q8_0.
"""
import json
import shutil
import sys
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

source, output = Path(sys.argv[1]), Path(sys.argv[3])
config = json.loads((source / "config.json").read_text())
heads = {"q_proj": config["num_attention_heads"], "k_proj": config.get("num_key_value_heads", config["num_attention_heads"])}
names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
stored = {tensor.name: tensor for tensor in gguf.GGUFReader(sys.argv[2]).tensors}
weights, same, error, power = {}, 0, 0.0, 0.0
with safe_open(source / "model.safetensors", "pt") as original:
    for name in original.keys():
        values = original.get_tensor(name).float().numpy()
        tensor = stored.pop(names.get_name(name, try_suffixes=(".weight", ".bias")))
        back = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32).reshape(values.shape)
        for projection, count in heads.items():
            if projection in name:
                back = back.reshape(count, len(back) // count // 2, 2, *back.shape[1:]).swapaxes(1, 2).reshape(back.shape)
        weights[name] = torch.from_numpy(np.ascontiguousarray(back))
        same += np.array_equal(values, back)
        if tensor.tensor_type == gguf.GGMLQuantizationType.Q8_0:
            error += np.square(back - values, dtype=np.float64).sum()
            power += np.square(values, dtype=np.float64).sum()
print(f"{len(weights)} tensors, {same} the same; only in the file: {sorted(stored)}")
if power:
    print(f"relative RMS error of q8_0: {(error / power) ** 0.5:.3%}")
output.mkdir()
for file in source.iterdir():
    if file.is_file() and file.suffix not in (".safetensors", ".gguf"):
        shutil.copyfile(file, output / file.name)
save_file(weights, output / "model.safetensors", metadata={"format": "pt"})
