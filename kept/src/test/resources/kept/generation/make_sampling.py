"""Makes sampling.json: what transformers' logits processors leave of fixed logits, as probabilities. python make_sampling.py"""
import json
import pathlib

import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

VOCABULARY = 60
torch.manual_seed(5)
model = LlamaForCausalLM(LlamaConfig(vocab_size=VOCABULARY, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1))
settings = [
    {"temperature": 1.0},
    {"temperature": 0.3},
    {"temperature": 1.7, "top_k": 5},
    {"temperature": 1.0, "top_p": 0.9},
    {"temperature": 1.0, "top_p": 0.1},
    {"temperature": 0.8, "min_p": 0.05},
    {"temperature": 1.0, "min_p": 1.0},
    {"temperature": 1.0, "repetition_penalty": 1.3},
    {"temperature": 1.0, "repetition_penalty": 0.7},
    {"temperature": 0.3, "top_k": 5, "top_p": 0.9, "repetition_penalty": 1.05},
    {"temperature": 1.2, "top_k": 30, "top_p": 0.95, "min_p": 0.02, "repetition_penalty": 1.1},
]
cases = []
for setting in settings:
    for spread in (1.0, 4.0):
        logits = torch.randn(1, VOCABULARY) * spread
        if "top_p" not in setting:
            # Equal logits: top-k keeps all that are as likely as the last one. Which of them top-p leaves out, PyTorch's sorting does not define.
            logits = (logits * 2).round() / 2
        ids = torch.randint(VOCABULARY, (1, 12))
        full = {"top_k": 0, "top_p": 1.0, "min_p": 0.0, "repetition_penalty": 1.0, **setting}
        config = GenerationConfig(do_sample=True, num_beams=1, **{key: value for key, value in full.items() if value or key != "min_p"})
        processors = model._get_logits_processor(config, input_ids_seq_length=12, prefix_allowed_tokens_fn=None, logits_processor=[], device="cpu", model_kwargs={})
        probabilities = processors(ids, logits).softmax(-1)
        cases.append({**full, "ids": ids[0].tolist(), "logits": logits[0].tolist(), "probabilities": probabilities[0].tolist()})
pathlib.Path(__file__).with_name("sampling.json").write_text(
    "[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n"
)
