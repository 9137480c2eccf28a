#!/usr/bin/env python3
"""Converts the checkpoints of families/ with --mapping exact and compares each Llama, in transformers and llama.cpp, with its source in transformers.

Usage: families.py KEPT WORK [NODE_MODULES]. KEPT is the launcher, WORK a folder that does not exist, NODE_MODULES a folder with node-llama-cpp.
Prints the tables of docs/families.md, and one of docs/gguf.md: token ids of many texts by the library tokenizers, transformers and llama.cpp. Exits
with 1 where a difference is over its bound, or a source is converted that should be refused or the other way round.
"""
import contextlib
import importlib.util
import itertools
import json
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import torch
import transformers
from gguf import GGUFReader
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer

LOGITS, DIVERGENCE = 2e-5, 1e-9
REFUSED = ("olmo-clip", "stablelm-parallel", "stablelm-qk-norms")
ROOT = Path(__file__).resolve().parents[4]
FAMILIES = ROOT / "kept/src/test/resources/families"
TOKENIZER = ("tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json")
PROMPTS = ["The quick brown", "def add(a", "two spaces", "naïve"]
NEW_TOKENS = 24
# llama.cpp keeps keys and values in f16, so that tokens whose logits are nearer than this may change places.
TIE = 5e-3
wrong = []


def convert(kept, source, target, *options):
    return subprocess.run([kept, "convert", "--model", source, "--output", target, "--mapping", "exact", "--verify", *options], capture_output=True,
                          text=True)


def reason(result, work):
    """The line with which a program ended, without the folder."""
    return result.stderr.strip().splitlines()[-1].removeprefix("kept: ").replace(f"{work}/", "")


def load(directory, dtype):
    model, problems = AutoModelForCausalLM.from_pretrained(directory, trust_remote_code=False, output_loading_info=True, dtype=dtype,
                                                           attn_implementation="sdpa")
    if type(model).__name__ != "LlamaForCausalLM" or any(problems.values()):
        sys.exit(f"{directory}: loaded as {type(model).__name__}, {problems}")
    return model.eval()


def divergence(reference, other):
    p, q = torch.log_softmax(reference, -1), torch.log_softmax(other.double(), -1)
    return (p.exp() * (p - q)).sum(-1).mean().abs().item()


@torch.no_grad()
def greedy(model, ids, count):
    out = model(ids, use_cache=True)
    tokens = []
    for _ in range(count):
        tokens.append(out.logits[:, -1:].argmax(-1))
        out = model(tokens[-1], past_key_values=out.past_key_values, use_cache=True)
    return torch.cat(tokens, 1)


@torch.no_grad()
def trail(model, start, tokens):
    """How far the logit of any of the tokens is behind the largest, after those before it."""
    logits = model(torch.cat([start, tokens], 1), use_cache=False).logits[0, start.shape[1] - 1:-1]
    return (logits.max(-1).values - logits.gather(1, tokens[0, :, None])[:, 0]).max().item()


def source_of(name, work):
    """The checkpoint with a tokenizer, as a user has it."""
    source = work / name
    shutil.copytree(FAMILIES / name, source)
    for file in TOKENIZER:
        shutil.copy(FAMILIES / "tokenizer" / file, source)
    return source


def row(kept, work, name):
    target = work / f"{name}-llama"
    result = convert(kept, source_of(name, work), target, "--dtype", "f32")
    if result.returncode != 0:
        print(f"| {name} | refused: {reason(result, work)} | | | |", flush=True)
        if name not in REFUSED:
            wrong.append(name)
        return
    golden = load_file(FAMILIES / name / "golden.safetensors")
    before, config = (json.loads((where / "config.json").read_text()) for where in (FAMILIES / name, target))
    # A sliding window is the end of the longest text.
    length = min(golden["input_ids"].shape[1], config["max_position_embeddings"])
    ids, reference = golden["input_ids"][:, :length], golden["logits"][:, :length]
    expected = golden["continuation"] if length == golden["input_ids"].shape[1] else reference[:1, -1:].argmax(-1)
    cells = []
    for dtype in (torch.float64, torch.float32):
        model = load(target, dtype)
        with torch.no_grad():
            logits = model(ids, use_cache=False).logits
        difference, loss = (logits.double() - reference).abs().max().item(), divergence(reference, logits)
        cells.append(f"{difference:.1e}, {loss:.1e}")
        if difference > LOGITS or loss > DIVERGENCE:
            wrong.append(f"{name} in {dtype}")
    same = torch.equal(greedy(model, ids[:1], expected.shape[1]), expected)
    if not same or name in REFUSED:
        wrong.append(name)
    added = config["num_hidden_layers"] - before["num_hidden_layers"]
    changes = [f"{added} more layer" if added else "no more layers"]
    changes += [key for key in ("attention_bias", "mlp_bias", "tie_word_embeddings") if config[key]]
    changes += [config["hidden_act"]] if config["hidden_act"] != "silu" else []
    rope = config.get("rope_scaling") or config.get("rope_parameters") or {}
    changes += [rope.get("rope_type", rope.get("type"))] if rope.get("rope_type", rope.get("type", "default")) != "default" else []
    changes += [f"up to {length} tokens"] if config["max_position_embeddings"] < before["max_position_embeddings"] else []
    print(f"| {name} | {', '.join(changes)} | {cells[0]} | {cells[1]} | {'the same' if same else '**differs**'} |", flush=True)


def checkpoint_maker(work):
    """The module that makes the checkpoints, writing to another folder."""
    spec = importlib.util.spec_from_file_location("make_families", FAMILIES / "make_families.py")
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    maker.HERE = work
    return maker


def export(kept, model, file):
    return subprocess.run([kept, "export", "--model", model, "--output", file, "--type", "f32"], capture_output=True, text=True)


def run_llama_cpp(work, **job):
    (work / "job.json").write_text(json.dumps(job))
    result = subprocess.run(["node", work / "llama.mjs", work / "job.json", work / "result.json"], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"llama.cpp: {job['model']}: {result.stderr[-2000:]}")
    return json.loads((work / "result.json").read_text())


def llama_cpp(kept, work):
    """Greedy text of llama.cpp for each family that has a GGUF file, with a vocabulary that holds the tokenizer, against transformers'."""
    maker = checkpoint_maker(work / "wide")
    print("\n| checkpoint | llama.cpp |\n|---|---|")
    for name, (classes, settings, form) in maker.CHECKPOINTS.items():
        if name in REFUSED:
            continue
        with contextlib.redirect_stdout(None):
            maker.write(name, classes, settings | {"vocab_size": 320}, {key: value for key, value in form.items() if key != "gradients"})
        source, target, file = maker.HERE / name, work / f"{name}-wide", work / f"{name}.gguf"
        for part in TOKENIZER:
            shutil.copy(FAMILIES / "tokenizer" / part, source)
        result = convert(kept, source, target, "--dtype", "f32")
        if result.returncode == 0:
            result = export(kept, target, file)
        if result.returncode != 0:
            print(f"| {name} | none: {reason(result, work)} |", flush=True)
            continue
        result = run_llama_cpp(work, model=str(file), texts=PROMPTS, prompts=PROMPTS, tokens=NEW_TOKENS)
        model, tokenizer = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float64).eval(), AutoTokenizer.from_pretrained(source)
        starts = [tokenizer(prompt, return_tensors="pt")["input_ids"] for prompt in PROMPTS]
        behind = max(trail(model, start, torch.tensor([tokens])) for start, tokens in zip(starts, result["greedy"]))
        # llama.cpp stops at the end of a text.
        same = sum(greedy(model, start, len(tokens))[0].tolist() == tokens for start, tokens in zip(starts, result["greedy"]))
        leave = f", the others leave at a lead of {behind:.1e}" if behind else ""
        print(f"| {name} | {same} of {len(PROMPTS)} texts of up to {NEW_TOKENS} tokens the same{leave} |", flush=True)
        if behind > TIE or [start[0].tolist() for start in starts] != result["ids"]:
            wrong.append(f"{name} in llama.cpp")


def sources(width, heads, groups, tied):
    """Configurations of each family, with and without biases in projections."""
    common = {"vocab_size": 97, "hidden_size": width, "intermediate_size": 2 * width, "num_hidden_layers": 2, "num_attention_heads": heads,
              "num_key_value_heads": groups, "tie_word_embeddings": tied, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    yield transformers.OlmoConfig(**common, clip_qkv=None)
    for biased in (True, False):
        yield transformers.Starcoder2Config(**common, sliding_window=None, use_bias=biased)
        yield transformers.StableLmConfig(**common, partial_rotary_factor=0.5 if width == 32 else 0.25, use_qkv_bias=biased)
        yield transformers.NemotronConfig(**common, partial_rotary_factor=0.5, attention_bias=biased, mlp_bias=biased)


def randomise(model, size):
    """Norms far from their initial values, biases of 0.3, and matrices of a size, or as transformers initialises them."""
    around_one = model.config.model_type != "nemotron"
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1:
            parameter.data = 0.3 * torch.randn_like(parameter) + (name.endswith("weight") and around_one)
        elif size is not None:
            parameter.data = size * torch.randn_like(parameter)


@torch.no_grad()
def widths(kept, work):
    """The largest errors of random models of several widths, with matrices as transformers initialises them and larger."""
    print("\n| family | matrices | deviation of the logits | float32: logits | largest KL |\n|---|---|---|---|---|")
    torch.manual_seed(1)
    worst = {}
    for size, shape, tied in itertools.product((None, 0.2), ((32, 4, 2), (64, 4, 1), (96, 6, 6), (256, 8, 2)), (False, True)):
        for config in sources(*shape, tied):
            source, target = work / "random", work / "random-llama"
            model = AutoModelForCausalLM.from_config(config).eval()
            randomise(model, size)
            model.save_pretrained(source)
            result = convert(kept, source, target)
            if result.returncode != 0:
                sys.exit(f"{config.model_type}: {reason(result, work)}")
            ids = torch.randint(0, config.vocab_size, (2, 40))
            reference, logits = model(ids).logits, load(target, torch.float32)(ids, use_cache=False).logits
            found = (reference.std().item(), (logits - reference).abs().max().item(), divergence(reference.double(), logits))
            key = (config.model_type, "as initialised" if size is None else size, shape[0])
            worst[key] = [max(pair) for pair in zip(found, worst.get(key, found))]
            shutil.rmtree(source)
            shutil.rmtree(target)
    for family, size in sorted({key[:2] for key in worst}, key=str):
        rows = [(key[2], *found) for key, found in sorted(worst.items(), key=lambda item: item[0][2]) if key[:2] == (family, size)]
        deviations, differences, losses = list(zip(*rows))[1:]
        print(f"| {family} | {size} | {', '.join(f'{value:.2f}' for value in deviations)} | {', '.join(f'{value:.0e}' for value in differences)} "
              f"| {max(losses):.1e} |", flush=True)
        wrong.extend(f"{family} with width {row[0]} and matrices {size}" for row in rows if row[3] > DIVERGENCE)


def splitting_rules():
    """The tokenizer.json of each rule that GGUF files can name, by that name: one vocabulary, whose merges tell the rules apart."""
    olmo, stablelm2 = (json.loads((FAMILIES / name / "tokenizer.json").read_text()) for name in ("tokenizer-nfc", "tokenizer-stablelm2"))
    words, (split, only_bytes) = olmo["pre_tokenizer"], stablelm2["pre_tokenizer"]["pretokenizers"]
    three = {"Regex": split["pattern"]["Regex"].replace("p{N}|", "p{N}{1,3}|")}
    digits = {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, words]}
    gpt4 = {"type": "Sequence", "pretokenizers": [split | {"pattern": three, "behavior": "Isolated", "invert": False}, only_bytes]}
    # Tokens that no merges lead to are found as whole words only.
    fewer = olmo["model"] | {"merges": olmo["model"]["merges"][:-200]}
    return {"gpt-2": olmo | {"normalizer": None}, "olmo": olmo, "starcoder": olmo | {"normalizer": None, "pre_tokenizer": digits},
            "stablelm2": olmo | {"pre_tokenizer": stablelm2["pre_tokenizer"]}, "dbrx": olmo | {"pre_tokenizer": gpt4, "model": fewer},
            "llama-bpe": olmo | {"pre_tokenizer": gpt4, "model": fewer | {"ignore_merges": True}}}


def tokenizers(kept, work):
    """Token ids of llama.cpp, and of transformers on the Llama's directory, against those of the library tokenizers on the source's tokenizer.json."""
    texts = json.loads((FAMILIES / "texts.json").read_text())
    maker = checkpoint_maker(work / "tokenizers")
    print("\n| `tokenizer.ggml.pre` | texts | the same in transformers | the same in llama.cpp |\n|---|---|---|---|")
    for rule, content in splitting_rules().items():
        with contextlib.redirect_stdout(None):
            maker.write(rule, maker.OLMO, {"vocab_size": 1000}, {})
        source, target, file = maker.HERE / rule, maker.HERE / f"{rule}-llama", maker.HERE / f"{rule}.gguf"
        (source / "tokenizer.json").write_text(json.dumps(content))
        for result in (convert(kept, source, target, "--dtype", "f32"), export(kept, target, file)):
            if result.returncode != 0:
                sys.exit(f"{rule}: {result.stderr}")
        if GGUFReader(file).fields["tokenizer.ggml.pre"].contents() != rule:
            wrong.append(f"the name of {rule}")
        library, loaded = Tokenizer.from_str(json.dumps(content)), AutoTokenizer.from_pretrained(target)
        expected = [library.encode(text).ids for text in texts]
        found = run_llama_cpp(work, model=str(file), texts=texts, prompts=[], tokens=0)["ids"]
        # llama.cpp does not compose characters.
        composed = [library.normalizer is None or unicodedata.is_normalized("NFC", text) for text in texts]
        there = sum(ids == loaded(text)["input_ids"] for text, ids in zip(texts, expected))
        same = sum(ids == other for ids, other, whole in zip(expected, found, composed) if whole)
        print(f"| {rule} | {len(texts)} | {there} | {same} of {sum(composed)}{'' if all(composed) else ' in NFC'} |", flush=True)
        if there < len(texts) or same < sum(composed):
            wrong.append(f"ids of {rule}")


def main():
    kept, work = sys.argv[1], Path(sys.argv[2])
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    work.mkdir(parents=True)
    print(f"torch {torch.__version__}, transformers {transformers.__version__}\n")
    print("| checkpoint | the Llama | float64: logits, KL | float32: logits, KL | greedy text |\n|---|---|---|---|---|")
    for file in sorted(FAMILIES.glob("*/golden.safetensors")):
        row(kept, work, file.parent.name)
    widths(kept, work)
    if len(sys.argv) > 3:
        shutil.copy(Path(__file__).with_name("llama.mjs"), work)      # beside the packages that it imports
        (work / "node_modules").symlink_to(Path(sys.argv[3]).resolve())
        llama_cpp(kept, work)
        tokenizers(kept, work)
    if wrong:
        sys.exit("over the bound, or refused or converted by mistake: " + "; ".join(wrong))


main()
