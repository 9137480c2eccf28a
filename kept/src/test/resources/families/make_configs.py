#!/usr/bin/env python3
"""What the configuration classes of transformers read from configs/*.json, and from unusual and broken variants of a small configuration.

    python make_configs.py

Needs torch and transformers. Writes published.json: for each file of configs/ the values that the class reads. Writes variants.json: for each family
a small configuration in the form of transformers 4, the values that the class reads, and variants: what is changed, whether it is to be read or
refused, and the values that differ, or null where the class or its model fails.
"""
import copy
import json
import pathlib

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM

HERE = pathlib.Path(__file__).resolve().parent
REMOVED = "(removed)"
# Not tried with transformers, which would start to build such a model.
HUGE = 2 ** 40
NORM_EPS = {"olmo": None, "starcoder2": "norm_epsilon", "stablelm": "layer_norm_eps", "nemotron": "norm_eps"}


def values(config):
    """The values in the words of config.json."""
    heads = config.num_attention_heads
    rope = dict(config.rope_parameters)
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // heads
    eps = NORM_EPS[config.model_type]
    found = {key: getattr(config, key) for key in ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
        "hidden_act", "max_position_embeddings", "initializer_range", "tie_word_embeddings", "bos_token_id", "eos_token_id", "pad_token_id")}
    found["num_key_value_heads"] = config.num_key_value_heads or heads
    found["head_dim"] = head_dim
    found["rotary_dimensions"] = int(head_dim * rope.get("partial_rotary_factor", 1.0))
    found["rope_type"] = rope["rope_type"]
    found["rope_theta"] = rope["rope_theta"]
    # OLMo's class has the constant in its norm.
    found["norm_eps"] = getattr(config, eps) if eps else 1e-5
    found["qkv_bias"] = bool(getattr(config, "attention_bias", False) or getattr(config, "use_bias", False) or getattr(config, "use_qkv_bias", False))
    found["attention_output_bias"] = bool(getattr(config, "attention_bias", False) or getattr(config, "use_bias", False))
    found["mlp_bias"] = bool(getattr(config, "mlp_bias", False) or getattr(config, "use_bias", False))
    found["sliding_window"] = getattr(config, "sliding_window", None)
    found["clip_qkv"] = getattr(config, "clip_qkv", None)
    found["dtype"] = str(config.dtype).removeprefix("torch.") if config.dtype is not None else None
    return found


def read(json_object):
    """The values of a configuration; None where the class or a forward pass of its model fails."""
    if HUGE in json_object.values():
        return None
    try:
        config = AutoConfig.for_model(**copy.deepcopy(json_object))
        found = values(config)
        # The defaults of sizes are those of large models.
        with torch.device("meta" if max(config.vocab_size, config.hidden_size) > 100 else "cpu"), torch.no_grad():
            model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
            model(torch.zeros(1, 5, dtype=torch.long))
        return found
    except Exception:
        return None


def base(family):
    common = {"model_type": family, "vocab_size": 80, "hidden_size": 64, "intermediate_size": 72, "num_hidden_layers": 2, "num_attention_heads": 4,
              "num_key_value_heads": 2, "max_position_embeddings": 64, "rope_theta": 10000.0, "tie_word_embeddings": False, "bos_token_id": 1,
              "eos_token_id": 2, "pad_token_id": 0, "torch_dtype": "float32", "initializer_range": 0.02}
    return common | {
        "olmo": {"architectures": ["OlmoForCausalLM"], "hidden_act": "silu", "clip_qkv": None, "attention_bias": False},
        "starcoder2": {"architectures": ["Starcoder2ForCausalLM"], "hidden_act": "gelu_pytorch_tanh", "norm_epsilon": 1e-5, "use_bias": True},
        "stablelm": {"architectures": ["StableLmForCausalLM"], "hidden_act": "silu", "layer_norm_eps": 1e-5, "partial_rotary_factor": 0.25,
                     "use_qkv_bias": False, "use_parallel_residual": False, "qk_layernorm": False},
        "nemotron": {"architectures": ["NemotronForCausalLM"], "hidden_act": "relu2", "norm_eps": 1e-5, "partial_rotary_factor": 0.5,
                     "attention_bias": False, "mlp_bias": False},
    }[family]


SCALINGS = {
    "linear": {"rope_type": "linear", "factor": 2.0},
    "dynamic": {"rope_type": "dynamic", "factor": 2.0},
    "yarn": {"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 32},
    "llama3": {"rope_type": "llama3", "factor": 2.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32},
}


def common_variants(family):
    """
    Changes and what is to become of them: 'read', 'refused', or 'either', where what is read must be transformers' values. A third element replaces
    changes with which transformers fails by others that mean the same.
    """
    sizes = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    for key in sizes:
        yield {key: REMOVED}, "either"
        for value in (0, -4, "32", 2.5, None, [32], HUGE):
            yield {key: value}, "refused"
    for value in (0, -2, 3, 8, "2", 1.5):
        yield {"num_key_value_heads": value}, "refused"
    # transformers 5 leaves Nemotron's number open, and fails.
    yield ({"num_key_value_heads": REMOVED}, "read", {"num_key_value_heads": 4}) if family == "nemotron" else (
        {"num_key_value_heads": REMOVED}, "either")
    yield {"num_key_value_heads": 4}, "read"
    yield {"num_attention_heads": 5}, "refused"
    for value in (0, -1, "64", 1.5):
        yield {"max_position_embeddings": value}, "refused"
    yield {"max_position_embeddings": REMOVED}, "read"
    for value in (0, -10000.0, "many", [1]):
        yield {"rope_theta": value}, "refused"
    yield {"rope_theta": REMOVED}, "read"
    yield {"rope_theta": 500000}, "read"
    yield {"rope_theta": REMOVED, "rope_parameters": {"rope_type": "default", "rope_theta": 5000.0}}, "either"
    for scaling in SCALINGS.values():
        yield {"rope_scaling": scaling}, "either"
    for scaling in ({"rope_type": "linear"}, {"rope_type": "linear", "factor": 0}, {"rope_type": "linear", "factor": -2.0}, {"factor": 2.0},
                    {"rope_type": "spiral", "factor": 2.0}, {"rope_type": "longrope", "factor": 2.0}, "linear", 2.0):
        yield {"rope_scaling": scaling}, "refused"
    # The form of transformers 5, whose object has the base too.
    for scaling in SCALINGS.values():
        yield {"rope_theta": REMOVED, "rope_parameters": scaling | {"rope_theta": 5000.0}}, "either"
    for scaling in ({"rope_type": "linear"}, {"rope_type": "linear", "factor": "2"}, {"rope_type": 7}, {"rope_type": "spiral"},
                    {"rope_type": "default", "rope_theta": 0}, {"rope_type": "default", "rope_theta": "many"}, [1.0], True):
        yield {"rope_theta": REMOVED, "rope_parameters": scaling}, "refused"
    # A key that is null is taken as absent.
    yield {"num_key_value_heads": None}, "either", {"num_key_value_heads": 4 if family == "nemotron" else REMOVED}
    for key in ("max_position_embeddings", "rope_theta", "tie_word_embeddings", "initializer_range"):
        yield {key: None}, "read", {key: REMOVED}
    for key in ("num_key_value_heads", "max_position_embeddings", "bos_token_id"):
        yield {key: HUGE}, "refused"
    yield {"rope_scaling": None}, "read"
    yield {"rope_scaling": {}}, "read", {}
    for value in (-0.02, "small", [0.02]):
        yield {"initializer_range": value}, "refused"
    for value in ("mish2", "", 3, ["silu"], {"name": "silu"}, True):
        yield {"hidden_act": value}, "refused"
    # A key that is null is taken as absent, except those of tokens.
    yield {"hidden_act": None}, "read", {}
    for value in ("gelu", "relu", "silu", "swish", "gelu_new", "gelu_pytorch_tanh", "relu2", "tanh"):
        yield {"hidden_act": value}, "either"
    yield {"hidden_act": REMOVED}, "read"
    yield {"tie_word_embeddings": True}, "read"
    yield {"tie_word_embeddings": REMOVED}, "read"
    yield {"tie_word_embeddings": "yes"}, "refused"
    yield {"bos_token_id": 80}, "refused"
    yield {"eos_token_id": [2, 3]}, "read"
    yield {"eos_token_id": None, "bos_token_id": None, "pad_token_id": None}, "read"
    yield {"torch_dtype": "bfloat16"}, "read"
    yield {"torch_dtype": REMOVED, "dtype": "float16"}, "read"
    yield {"torch_dtype": "int8"}, "refused"
    yield {"model_type": REMOVED}, "read", {}
    yield {"architectures": REMOVED}, "either"
    yield {"architectures": ["GPT2LMHeadModel"]}, "refused"
    yield {"architectures": ["LlamaForCausalLM"]}, "refused"
    yield {"model_type": "falcon"}, "refused"
    yield {"quantization_config": {"bits": 4}}, "refused"
    yield {"is_encoder_decoder": True}, "refused"
    yield {"layer_types": ["full_attention", "sliding_attention"]}, "refused"
    yield {"use_cache": False, "attention_dropout": 0.1}, "read"


def own_variants(family):
    eps = NORM_EPS[family]
    if eps:
        for value in (0, -1e-5, "small", 1e-60, 1e60, True, [1e-5]):
            yield {eps: value}, "refused"
        yield {eps: None}, "read", {eps: REMOVED}
        yield {eps: REMOVED}, "read"
        yield {eps: 1e-6}, "read"
    if family in ("stablelm", "nemotron"):
        # int(16 * 0.05) = 0 and int(16 * 0.2) = 3 dimensions make no pairs.
        for value in (0, -0.5, 1.5, "quarter", 0.05, 0.2, 1e300, True, [0.5]):
            yield {"partial_rotary_factor": value}, "refused"
        # A former name, which transformers passes over; one that says something else would make another model.
        usual = {"stablelm": 0.25, "nemotron": 0.5}[family]
        for share in (REMOVED, None):
            for value in (0.75, "half"):
                yield {"partial_rotary_factor": share, "rope_pct": value}, "refused"
            yield {"partial_rotary_factor": share, "rope_pct": usual}, "read", {"partial_rotary_factor": REMOVED}
        yield {"partial_rotary_factor": 1.0, "rope_pct": 0.5}, "read"
        yield {"partial_rotary_factor": None}, "read", {"partial_rotary_factor": REMOVED}
        yield {"partial_rotary_factor": REMOVED}, "read"
        yield {"partial_rotary_factor": 1.0}, "read"
        # int(16 * 0.3) = 4: a fraction of a dimension is cut off.
        yield {"partial_rotary_factor": 0.3}, "read"
        inner = {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.75}}
        yield {"partial_rotary_factor": REMOVED} | inner, "read"
        yield inner, "read"
    else:
        yield {"partial_rotary_factor": 0.5}, "refused"
    if family == "olmo":
        yield {"clip_qkv": 8.0}, "refused"
        yield {"clip_qkv": REMOVED}, "read"
        for value in (0, -8.0, "8", True):
            yield {"clip_qkv": value}, "refused"
        yield {"attention_bias": True}, "read"
        yield {"attention_bias": "true"}, "refused"
        yield {"attention_bias": REMOVED}, "read"
        yield {"attention_bias": None}, "read", {}
        yield {"head_dim": 8}, "either"
    if family == "starcoder2":
        for value in (8, 64, 65, None):
            yield {"sliding_window": value}, "read"
        for value in (0, -8, "8", 1.5, HUGE, [8], True):
            yield {"sliding_window": value}, "refused"
        # transformers has no such key for this architecture.
        for value in (8, 64, None):
            yield {"sliding_window": value, "use_sliding_window": False}, "read"
        yield {"sliding_window": 8, "use_sliding_window": True}, "read"
        yield {"sliding_window": 8, "use_sliding_window": "no"}, "refused"
        yield {"use_bias": None}, "read", {}
        yield {"use_bias": False}, "read"
        yield {"use_bias": REMOVED}, "read"
        yield {"use_bias": 1}, "refused"
        yield {"residual_dropout": 0.1, "embedding_dropout": 0.1}, "read"
        # Keys of published configurations that transformers does not read.
        yield {"norm_type": "rms_norm", "mlp_type": "gated"}, "either"
    if family == "stablelm":
        yield {"use_qkv_bias": True}, "read"
        yield {"use_qkv_bias": REMOVED}, "read"
        yield {"use_qkv_bias": "no"}, "refused"
        yield {"use_qkv_bias": None, "use_parallel_residual": None, "qk_layernorm": None}, "read", {}
        for key in ("use_parallel_residual", "qk_layernorm"):
            for value in ("false", 0):
                yield {key: value}, "refused"
        yield {"use_parallel_residual": True}, "refused"
        yield {"use_parallel_residual": REMOVED}, "read"
        yield {"qk_layernorm": True}, "refused"
        yield {"qk_layernorm": REMOVED}, "read"
        yield {"hidden_dropout": 0.1}, "read"
    if family == "nemotron":
        yield {"attention_bias": True}, "read"
        yield {"mlp_bias": True}, "read"
        yield {"mlp_bias": REMOVED, "attention_bias": REMOVED}, "read"
        yield {"mlp_bias": "false"}, "refused"
        yield {"head_dim": 8}, "read"
        yield {"head_dim": 16, "num_attention_heads": 6}, "read"
        yield {"head_dim": 7}, "refused"
        yield {"head_dim": 0}, "refused"
        yield {"head_dim": None}, "read"
        yield {"head_dim": HUGE}, "refused"
        yield {"attention_bias": None, "mlp_bias": None}, "read", {}


def main():
    published = {}
    for file in sorted((HERE / "configs").glob("*.json")):
        published[file.stem] = values(AutoConfig.for_model(**json.loads(file.read_text())))
    (HERE / "published.json").write_text(json.dumps(published, indent=1) + "\n")
    variants = {}
    for family in NORM_EPS:
        plain = base(family)
        cases = [({}, "read"), *common_variants(family), *own_variants(family)]
        lines, usual = [], read(plain)
        for changes, fate, *means in cases:
            found = read({key: value for key, value in (plain | (means[0] if means else changes)).items() if value != REMOVED})
            differing = None if found is None else {key: value for key, value in found.items() if value != usual[key]}
            lines.append({"changes": changes, "fate": fate, "values": differing})
        variants[family] = {"base": plain, "values": usual, "variants": lines}
        fates = [line["fate"] for line in lines]
        print(family, {fate: fates.count(fate) for fate in sorted(set(fates))}, "unread by transformers:",
              sum(line["values"] is None for line in lines))
    text = json.dumps(variants)
    # A line for each variant.
    (HERE / "variants.json").write_text(text.replace('{"changes"', '\n{"changes"') + "\n")


if __name__ == "__main__":
    transformers.logging.set_verbosity_error()
    main()
