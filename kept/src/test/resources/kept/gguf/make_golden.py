"""Golden data for the GGUF export, by llama.cpp's Python package gguf (0.19.0) and numpy. Usage: make_golden.py FIXTURES

blocks.safetensors: values f32 [N, 32] and what gguf.quants makes of them, q8_0 u8 [N, 34]: ties, zeros, tiny and large blocks.
tensors.json: of each fixture and type, the name, type and shape of each tensor and the SHA-256 of its bytes, permuted by llama.cpp's rule.
"""
import hashlib
import json
import sys
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import load_file, save_file

TYPES = {"f32": gguf.GGMLQuantizationType.F32, "f16": gguf.GGMLQuantizationType.F16, "bf16": gguf.GGMLQuantizationType.BF16,
         "q8_0": gguf.GGMLQuantizationType.Q8_0}
HERE = Path(__file__).parent


def blocks():
    random = np.random.default_rng(7)
    rows = [random.standard_normal(32) * 10.0 ** exponent for exponent in range(-12, 7) for _ in range(6)]
    rows += [np.zeros(32), np.full(32, -1.0), np.arange(-16, 16) / 2]
    for largest in (127, -127, 63.5, 254, 127 * 2.0 ** -14, 127 * 2.0 ** -24, 127 * 2.0 ** -25, 8e6):  # scales that are powers of two give ties
        row = (np.arange(32) - 15.5) * (largest / 127)
        row[5] = largest
        rows.append(row)
    below_half = np.full(32, np.float32(0.49999997))
    below_half[0] = 127
    rows.append(below_half)
    return np.array(rows, dtype=np.float32)


def permuted(weights, heads):
    return weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:]).swapaxes(1, 2).reshape(weights.shape)


def tensors(folder, kind):
    config = json.loads((folder / "config.json").read_text())
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    listed = {}
    for name, values in load_file(folder / "model.safetensors").items():
        if "q_proj" in name:
            values = permuted(values, config["num_attention_heads"])
        if "k_proj" in name:
            values = permuted(values, config["num_key_value_heads"])
        stored = TYPES["f32"] if values.ndim == 1 else TYPES[kind]
        try:
            data = gguf.quants.quantize(values, stored)
        except gguf.QuantError:
            stored = TYPES["f16"]
            data = gguf.quants.quantize(values, stored)
        listed[names.get_name(name, try_suffixes=(".weight", ".bias"))] = [
            stored.name, list(values.shape), hashlib.sha256(np.ascontiguousarray(data).tobytes()).hexdigest()]
    return dict(sorted(listed.items()))


values = blocks()
save_file({"values": values, "q8_0": gguf.quants.quantize(values, TYPES["q8_0"])}, HERE / "blocks.safetensors")
(HERE / "tensors.json").write_text(json.dumps({
    fixture: {kind: tensors(Path(sys.argv[1]) / fixture, kind) for kind in TYPES}
    for fixture in ("llama", "llama-biases", "llama-gqa-tied")}, separators=(",", ":")).replace('"],', '"],\n') + "\n")
