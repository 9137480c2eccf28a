#!/usr/bin/env python3
"""Small random checkpoints of OLMo, StarCoder2, StableLM and Nemotron, with logits, greedy continuations and gradients of transformers.

    python make_families.py [NAME...]        all checkpoints, or those named; writes beside itself

Needs torch, transformers and safetensors. README.md lists the checkpoints and says what is computed in which precision.
"""
import pathlib
import shutil
import sys
import zlib

import torch
import transformers
from safetensors.torch import save_file
from transformers import (NemotronConfig, NemotronForCausalLM, OlmoConfig, OlmoForCausalLM, StableLmConfig, StableLmForCausalLM, Starcoder2Config,
                          Starcoder2ForCausalLM)

HERE = pathlib.Path(__file__).resolve().parent
TOKENS = 21
NEW_TOKENS = 16
# Greedy choices nearer than this could differ between two right computations in float32.
MARGIN = 1e-3
SIZES = dict(vocab_size=80, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=64, bos_token_id=1, eos_token_id=2, pad_token_id=0, tie_word_embeddings=False)
OLMO = (OlmoConfig, OlmoForCausalLM)
STARCODER2 = (Starcoder2Config, Starcoder2ForCausalLM)
STABLELM = (StableLmConfig, StableLmForCausalLM)
NEMOTRON = (NemotronConfig, NemotronForCausalLM)


def rotary(share=None, theta=10000.0, **scaling):
    parameters = {"rope_type": "default", "rope_theta": theta} | scaling
    return {"rope_parameters": parameters | ({} if share is None else {"partial_rotary_factor": share})}


# Name: classes, settings that differ from SIZES, and how the checkpoint is written.
CHECKPOINTS = {
    "olmo": (OLMO, dict(num_key_value_heads=4), {}),
    "olmo-tied": (OLMO, dict(hidden_size=24, intermediate_size=32, num_hidden_layers=3, num_attention_heads=3, num_key_value_heads=1,
                             tie_word_embeddings=True), {"gradients": True}),
    "olmo-biases": (OLMO, dict(num_hidden_layers=1, attention_bias=True, **rotary(theta=500000.0)), {"gradients": True}),
    "olmo-linear": (OLMO, dict(hidden_size=40, intermediate_size=40, num_hidden_layers=1, num_key_value_heads=1,
                               **rotary(rope_type="linear", factor=2.0)), {}),
    "olmo-clip": (OLMO, dict(num_hidden_layers=1, clip_qkv=0.8), {}),
    "starcoder2": (STARCODER2, dict(tie_word_embeddings=True, intermediate_size=32), {"gradients": True}),
    "starcoder2-untied": (STARCODER2, dict(hidden_size=24, num_attention_heads=3, num_key_value_heads=3, **rotary(theta=100000.0)),
                          {"max_shard_size": "20KB"}),
    "starcoder2-no-biases": (STARCODER2, dict(use_bias=False, num_key_value_heads=1, hidden_act="gelu"), {}),
    "starcoder2-window": (STARCODER2, dict(num_hidden_layers=2, intermediate_size=32, sliding_window=8), {}),
    "stablelm": (STABLELM, dict(num_attention_heads=2, num_key_value_heads=2, use_qkv_bias=False, **rotary(0.25)), {}),
    "stablelm-biases": (STABLELM, dict(num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, use_qkv_bias=True, **rotary(0.25)),
                        {"gradients": True}),
    "stablelm-tied": (STABLELM, dict(hidden_size=48, num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=4, use_qkv_bias=True,
                                     tie_word_embeddings=True, **rotary(0.5, 50000.0)), {"dtype": torch.bfloat16}),
    "stablelm-parallel": (STABLELM, dict(num_hidden_layers=1, use_parallel_residual=True, **rotary(0.25)), {}),
    "stablelm-qk-norms": (STABLELM, dict(num_hidden_layers=1, qk_layernorm=True, **rotary(0.25)), {}),
    "nemotron": (NEMOTRON, dict(intermediate_size=64, **rotary(0.5)), {}),
    "nemotron-biases": (NEMOTRON, dict(num_hidden_layers=1, attention_bias=True, mlp_bias=True, num_key_value_heads=4, **rotary(0.5, 500000.0)),
                        {"gradients": True}),
    "nemotron-tied": (NEMOTRON, dict(hidden_size=40, num_hidden_layers=1, num_attention_heads=5, num_key_value_heads=5, tie_word_embeddings=True,
                                     **rotary(1.0)), {}),
    # As in Minitron-8B, the heads together are wider than the stream, whose width is no multiple of their number.
    "nemotron-heads": (NEMOTRON, dict(num_attention_heads=6, num_key_value_heads=2, head_dim=8, **rotary(0.5)), {}),
}


@torch.no_grad()
def randomise(model, generator):
    """Norms and biases away from their initial values, means of the residual stream away from 0, so that every term of the function shows."""
    tied = model.config.tie_word_embeddings
    for name, parameter in model.named_parameters():
        normal = torch.randn(parameter.shape, generator=generator)
        if "norm" in name and name.endswith("weight"):
            # Nemotron adds 1 to its weights.
            value = 0.3 * normal + (0 if isinstance(model, NemotronForCausalLM) else 1)
        elif name.endswith("bias"):
            value = 0.3 * normal
        elif "embed_tokens" in name:
            value = (0.2 if tied else 0.8) * (normal + 0.3)
        else:
            writes = any(part in name for part in ("o_proj", "down_proj", "c_proj"))
            value = (1.0 if "lm_head" in name else 1.2) * (normal + (0.2 if writes else 0)) / parameter.shape[1] ** 0.5
        parameter.copy_(value)


@torch.no_grad()
def continuation(model, ids):
    """The most likely tokens after ids one by one, with transformers' cache, and the smallest lead of one over the second."""
    out = model(ids, use_cache=True)
    tokens, leads = [], []
    for _ in range(NEW_TOKENS):
        best = out.logits[0, -1].topk(2)
        tokens.append(best.indices[0].view(1, 1))
        leads.append((best.values[0] - best.values[1]).item())
        out = model(tokens[-1], past_key_values=out.past_key_values, use_cache=True)
    return torch.cat(tokens, 1), min(leads)


def gradients(model, ids):
    """The mean cross-entropy of the next tokens, in float64, and its gradients."""
    logits = model(ids, use_cache=False).logits[:, :-1]
    loss = torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), ids[:, 1:].reshape(-1))
    loss.backward()
    found = {"gradient." + name: parameter.grad.float() for name, parameter in model.named_parameters()}
    model.zero_grad()
    return {"loss": loss.detach().view(1)} | found


def write(name, classes, settings, form):
    config = classes[0](**SIZES | settings)
    form = dict(form)
    dtype, with_gradients = form.pop("dtype", torch.float32), form.pop("gradients", False)
    for attempt in range(100):
        generator = torch.Generator().manual_seed(zlib.crc32(name.encode()) + attempt)
        model = classes[1]._from_config(config, attn_implementation="sdpa").eval()
        randomise(model, generator)
        model = model.to(dtype)
        ids = torch.randint(3, config.vocab_size, (2, TOKENS), generator=generator)
        exact = classes[1]._from_config(config, attn_implementation="sdpa").eval().double()
        exact.load_state_dict(model.state_dict())
        greedy, lead = continuation(exact, ids[:1])
        if lead > MARGIN:
            break
    else:
        sys.exit(f"{name}: no seed whose greedy continuation is certain")
    directory = HERE / name
    shutil.rmtree(directory, ignore_errors=True)
    model.save_pretrained(directory, **form)
    single = classes[1].from_pretrained(directory, dtype=torch.float32, attn_implementation="sdpa").eval()
    with torch.no_grad():
        logits = exact(ids, use_cache=False).logits
        rounding = (single(ids, use_cache=False).logits - logits).abs().max()
    golden = {"input_ids": ids, "logits": logits, "continuation": greedy}
    if with_gradients:
        golden |= gradients(exact, ids)
    save_file({key: value.contiguous() for key, value in golden.items()}, directory / "golden.safetensors")
    size = sum(file.stat().st_size for file in directory.iterdir())
    print(f"{name:22} {size / 1000:6.0f} kB  logits {logits.std():5.2f} (largest {logits.abs().max():5.1f})  lead {lead:.4f}  "
          f"float32 differs by {rounding:.1e}")


if __name__ == "__main__":
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, transformers {transformers.__version__}")
    for chosen in sys.argv[1:] or CHECKPOINTS:
        write(chosen, *CHECKPOINTS[chosen])
