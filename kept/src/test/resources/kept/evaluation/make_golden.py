#!/usr/bin/env python3
"""Makes model/ and golden.json: a random Llama for the tokenizer of fixtures/tokenizer, and what EleutherAI's lm-evaluation-harness says of it.

Usage: make_golden.py LLAMA_DIR FILE..., run in this folder. LLAMA_DIR must not exist; it gets model/ and the files, which are the tokenizer's for
transformers.
Made with lm_eval 0.4.13, transformers 5.18, torch 2.13 on the CPU in f32; `bin/kept convert` wrote the tokenizer.json.
"""
import json, pathlib, shutil, sys, types

here, llama = pathlib.Path.cwd(), pathlib.Path(sys.argv[1]).absolute()
for absent in ("evaluate", "rouge_score", "sqlitedict", "pytablewriter", "jsonlines", "word2number"):       # imported, not used here
    try:
        __import__(absent)
    except ImportError:
        sys.modules[absent] = types.SimpleNamespace(SqliteDict=None, MarkdownTableWriter=None, LatexTableWriter=None)

import torch
from transformers import LlamaConfig, LlamaForCausalLM

if not (here / "model").exists():
    torch.manual_seed(11)
    config = LlamaConfig(vocab_size=420, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
                         max_position_embeddings=256, initializer_range=0.25, rms_norm_eps=1e-5, bos_token_id=1, eos_token_id=2, pad_token_id=0)
    LlamaForCausalLM(config).save_pretrained(here / "model")
shutil.copytree(here / "model", llama)
for name in sys.argv[2:]:
    shutil.copy(name, llama)

from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

def split(group, source):
    path = llama.parent / f"{llama.name}-{group}-{source.name}"
    lines = [json.loads(line) for line in source.read_text().splitlines()]
    path.write_text("".join(json.dumps({"description": "", **line}) + "\n" for line in lines if line["group"] == group))
    return str(path)

def task(group):
    return {"task": group, "dataset_path": "json", "output_type": "multiple_choice", "test_split": "test", "fewshot_split": "dev",
            "dataset_kwargs": {"data_files": {"test": split(group, here / "capitals.jsonl"), "dev": split(group, here / "capitals-examples.jsonl")}},
            "fewshot_config": {"sampler": "first_n"}, "description": "{{description}}", "doc_to_text": "{{context}}", "doc_to_choice": "choices",
            "doc_to_target": "answer", "metric_list": [{"metric": m, "aggregation": "mean", "higher_is_better": True} for m in ("acc", "acc_norm")]}

golden = []
for shots, longest, bos in ((0, 256, False), (2, 256, False), (2, 100, False), (0, 256, True)):
    model = HFLM(pretrained=str(llama), dtype="float32", device="cpu", batch_size=1, max_length=longest, add_bos_token=bos)
    for group in ("cities", "code"):
        result = simple_evaluate(model=model, tasks=[task(group)], num_fewshot=shots, log_samples=True, bootstrap_iters=100, task_manager=TaskManager())
        scores = result["results"][group]
        samples = sorted(result["samples"][group], key=lambda sample: sample["doc_id"])
        golden.append({"group": group, "shots": shots, "longest": longest, "bos": bos,
                       "acc": scores["acc,none"], "acc_norm": scores["acc_norm,none"], "acc_stderr": scores["acc_stderr,none"],
                       "log_likelihoods": [[round(r[0], 5) for r in sample["filtered_resps"]] for sample in samples]})
(here / "golden.json").write_text("[\n" + ",\n".join(json.dumps(run) for run in golden) + "\n]\n")
