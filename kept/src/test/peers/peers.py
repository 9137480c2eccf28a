#!/usr/bin/env python3
"""Compares this version's programs with PyTorch, transformers, peft, SentencePiece, the package gguf and llama.cpp, and prints a Markdown table.

Usage: peers.py KEPT WORK [NODE_MODULES]; bin/peers calls it. KEPT is the launcher, WORK a folder that does not exist, NODE_MODULES a folder with
node-llama-cpp (without it, TensorBoard or peft, their rows are left out, and a line says so). Exits with 1 where a difference is over its bound.
"""
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import gguf
import numpy as np
import sentencepiece
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
except ImportError:
    EventAccumulator = None

try:
    import peft
except ImportError:
    peft = None

kept, work = sys.argv[1], Path(sys.argv[2])
node_modules = Path(sys.argv[3]) if len(sys.argv) > 3 else None
root = Path(__file__).resolve().parents[4]
fixtures = root / "kept/src/test/resources/fixtures"
demo = root / "kept/src/main/resources/kept/demo"
prompts = ["Returns the", "The method is called when a", "Creates a new instance of", "Throws an exception if the"]
wrong = []
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()


def run(*arguments):
    result = subprocess.run([kept, *map(str, arguments)], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"kept {' '.join(map(str, arguments))}: exit {result.returncode}: {result.stderr.strip().splitlines()[-1:]}")
    return result.stdout


def row(what, peer, cases, difference, bound):
    """A row of the table; a difference over its bound is marked."""
    mark = "" if difference <= bound else " **over the bound**"
    if mark:
        wrong.append(what)
    print(f"| {what} | {peer} | {cases} | {difference:.1e} of at most {bound:.0e}{mark} |" if isinstance(difference, float)
          else f"| {what} | {peer} | {cases} | {difference}{mark} |", flush=True)


def logits_by_kept(model, ids):
    save_file({"input_ids": ids}, work / "ids.safetensors")
    output = work / "logits.safetensors"
    output.unlink(missing_ok=True)
    run("logits", "--model", model, "--ids", work / "ids.safetensors", "--output", output)
    return load_file(output)["logits"]


def logits_by_transformers(model, ids):
    loaded, problems = AutoModelForCausalLM.from_pretrained(model, trust_remote_code=False, output_loading_info=True, dtype=torch.float32)
    if type(loaded).__name__ != "LlamaForCausalLM" or any(problems.values()):
        sys.exit(f"{model}: loaded as {type(loaded).__name__}, {problems}")
    with torch.no_grad():
        return loaded.eval()(input_ids=ids).logits.float()


def divergence(reference, other):
    p, q = torch.log_softmax(reference.double(), -1), torch.log_softmax(other.double(), -1)
    return (p.exp() * (p - q)).sum(-1).mean().abs().item()


def relative(ours, theirs):
    """The largest difference, as a share of the largest logit."""
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


def compare(what, model, ids, reference=None):
    ours, theirs = logits_by_kept(model, ids), logits_by_transformers(model, ids)
    row(f"{what}: logits", "transformers", f"{ids.numel()} positions", relative(ours, theirs), 1e-5)
    if reference is not None:
        row(f"{what}: KL from the source", "PyTorch", f"{ids.numel()} positions", divergence(reference, theirs), 1e-9)


def models():
    for fixture in sorted(fixtures.glob("llama*")):
        compare(fixture.name, fixture, load_file(fixture / "expected.safetensors")["input_ids"])
    for fixture in sorted(fixtures.glob("orion*")):
        golden = load_file(fixture / "expected.safetensors")
        row(f"{fixture.name}: logits", "PyTorch", f"{golden['input_ids'].numel()} positions",
            relative(logits_by_kept(fixture, golden["input_ids"]), golden["logits"]), 1e-5)
        source = work / f"source-{fixture.name}"
        shutil.copytree(fixture, source)
        shutil.copy(fixtures / "tokenizer/tokenizer.model", source)
        for mapping in ("opm", "exact"):
            target = work / f"{fixture.name}-{mapping}"
            run("convert", "--model", source, "--output", target, "--mapping", mapping, "--dtype", "f32", "--verify")
            compare(f"{fixture.name}, {mapping}", target, golden["input_ids"], golden["logits"] if mapping == "exact" else None)


def demo_students(texts):
    """The demo's teacher by each mapping, in f32 and bf16, on real text."""
    teacher = demo_teacher()
    (work / "calibration.txt").write_text("\n\n".join(texts[:3000]))
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(demo / "tokenizer.model"))
    ids = torch.tensor(pieces.encode("\n".join(texts[-400:]))[:2048]).view(4, 512)
    reference = logits_by_kept(teacher, ids)
    for mapping in ("opm", "exact", "calibrated"):
        more = ["--calibration", work / "calibration.txt", "--calibration-tokens", "16384"] if mapping == "calibrated" else []
        for dtype in ("f32", "bf16") if mapping == "exact" else ("f32",):
            target = work / f"demo-{mapping}-{dtype}"
            run("convert", "--model", teacher, "--output", target, "--mapping", mapping, "--dtype", dtype, "--verify", *more)
            compare(f"demo, {mapping}, {dtype}", target, ids, reference if (mapping, dtype) == ("exact", "f32") else None)
    return work / "demo-opm-f32"


def demo_teacher():
    teacher = work / "demo-teacher"
    shutil.copytree(demo / "teacher", teacher)
    shutil.copy(demo / "tokenizer.model", teacher)
    return teacher


def tokenizers(student, texts):
    """The tokenizer.json that convert built, in transformers, against SentencePiece."""
    for name, model, directory in (("demo", demo / "tokenizer.model", student),
                                   ("fixtures", fixtures / "tokenizer/tokenizer.model", work / "orion-safetensors-opm")):
        pieces = sentencepiece.SentencePieceProcessor(model_file=str(model))
        built = AutoTokenizer.from_pretrained(directory, trust_remote_code=False)
        different = sum(built(text, add_special_tokens=False)["input_ids"] != pieces.encode(text) for text in texts)
        row(f"tokenizer.json of {name}: texts with other ids", "SentencePiece", f"{len(texts)} texts", different, 0)


def gguf_files(texts):
    """GGUF files of the demo's students, read by the package gguf and made Llamas again."""
    ids = torch.tensor(sentencepiece.SentencePieceProcessor(model_file=str(demo / "tokenizer.model")).encode("\n".join(texts))[:512]).view(1, 512)
    for name in ("demo-opm-f32", "demo-exact-f32"):
        for kind, bound in (("f32", 1e-9), ("bf16", 1e-3), ("q8_0", 1e-3)):
            file, again = work / f"{name}-{kind}.gguf", work / f"{name}-{kind}-again"
            run("export", "--model", work / name, "--output", file, "--type", kind)
            subprocess.run([sys.executable, root / "kept/src/test/resources/kept/gguf/dequantize.py", work / name, file, again],
                           check=True, stdout=subprocess.DEVNULL)
            row(f"{name} as GGUF {kind}, read back: KL", "gguf, transformers", f"{ids.numel()} positions",
                divergence(logits_by_transformers(work / name, ids), logits_by_transformers(again, ids)), bound)


def llama_cpp(student, texts):
    """Ids and greedy text of llama.cpp (node-llama-cpp, CPU) for the demo's student as GGUF."""
    file = work / "demo.gguf"
    run("export", "--model", student, "--output", file, "--type", "f32")
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(student / "tokenizer.model"))
    job = {"model": str(file), "texts": texts, "prompts": prompts, "tokens": 32}
    (work / "job.json").write_text(json.dumps(job))
    script = work / "llama.mjs"      # beside the packages that it imports
    (work / "node_modules").symlink_to(node_modules.resolve())
    shutil.copy(Path(__file__).with_name("llama.mjs"), script)
    result = subprocess.run(["node", script, work / "job.json", work / "result.json"], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"llama.cpp: {result.stderr[-2000:]}")
    result = json.loads((work / "result.json").read_text())
    different = sum(ids != pieces.encode(text) for ids, text in zip(result["ids"], texts))
    row("demo.gguf: texts with other ids", "llama.cpp", f"{len(texts)} texts", different, 0)
    model = AutoModelForCausalLM.from_pretrained(student, dtype=torch.float32).eval()
    different = 0
    for prompt, ids in zip(prompts, result["greedy"]):
        start = torch.tensor([pieces.encode(prompt)])
        with torch.no_grad():
            theirs = model.generate(start, max_new_tokens=len(ids), do_sample=False, pad_token_id=0)[0, start.shape[1]:].tolist()
        different += theirs != ids
    row("demo.gguf: greedy continuations that differ", "llama.cpp, transformers", f"{len(prompts)} of {job['tokens']} tokens", different, 0)


def generation(student):
    """Greedy text of `kept generate` against transformers."""
    model, tokenizer = AutoModelForCausalLM.from_pretrained(student, dtype=torch.float32).eval(), AutoTokenizer.from_pretrained(student)
    different = 0
    for prompt in prompts:
        start = tokenizer(prompt, return_tensors="pt", add_special_tokens=False)["input_ids"]
        with torch.no_grad():
            ids = model.generate(start, max_new_tokens=32, do_sample=False, pad_token_id=0)[0].tolist()
        different += run("generate", "--model", student, "--prompt", prompt, "--max-tokens", "32", "--temperature", "0").strip() != \
            tokenizer.decode(ids, skip_special_tokens=True).strip()
    row("generate: greedy texts that differ", "transformers", f"{len(prompts)} of 32 tokens", different, 0)


def adapters(texts):
    """Norms and low-rank adapters of the demo's student: what peft makes of base and adapter, against the merged output of the same training."""
    (work / "training.txt").write_text("\n\n".join(texts[:4000]))
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(demo / "tokenizer.model"))
    ids = torch.tensor(pieces.encode("\n".join(texts[-400:]))[:1024]).view(2, 512)
    for name, target in (("all projections", "all-linear"), ("one layer's q and down", r"layers\.1\..*(q|down)_proj")):
        outputs = {form: work / f"demo-lora-{len(target)}-{form}" for form in ("merged", "adapter")}
        for form, output in outputs.items():
            run("distill", "--teacher", work / "demo-teacher", "--corpus", work / "training.txt", "--output", output, "--tokens", "16384",
                "--sequence-length", "128", "--train", "norms,lora", "--lora-rank", "8", "--lora-target", target, "--lora-output", form,
                "--dtype", "f32", "--learning-rate", "1e-3", "--evaluate-every", "0", "--evaluation-tokens", "2048")
        base = AutoModelForCausalLM.from_pretrained(outputs["adapter"], dtype=torch.float32)
        with torch.no_grad():
            without = base.eval()(input_ids=ids).logits
            model = peft.PeftModel.from_pretrained(base, outputs["adapter"] / "adapter").eval()
            logits = model(input_ids=ids).logits
        merged = logits_by_kept(outputs["merged"], ids)
        if relative(merged, without) < 1e-3:
            sys.exit("the adapter changes nothing")
        row(f"demo, norms and adapters of {name}: logits", "peft", f"{ids.numel()} positions", relative(merged, logits), 1e-5)


def golden():
    """Golden data of the tests, made again by its scripts."""
    resources = root / "kept/src/test/resources/kept"
    folder = "generation"
    for script, file in (("make_chats.py", "chats.json"), ("make_sampling.py", "sampling.json")):
        again = work / f"golden-{file}"
        shutil.copytree(resources / folder, again)
        (again / file).unlink()
        subprocess.run([sys.executable, script], cwd=again, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        old, new = (json.loads((where / file).read_text()) for where in (resources / folder, again))
        row(f"{file} made again", "transformers", f"{len(old)} cases", difference(old, new), 1e-6)


def event_files():
    """TensorBoard's event files of a run that is stopped and resumed, against its metrics.jsonl."""
    (work / "events.txt").write_text("\n".join(texts))
    output, runs = work / "events-llama", work / "runs"
    command = ["distill", "--teacher", work / "demo-teacher", "--corpus", work / "events.txt", "--output", output, "--tokens", "20480",
               "--sequence-length", "128", "--batch-size", "4", "--evaluation-tokens", "256", "--tensorboard", runs]
    stopped = subprocess.run([kept, *map(str, command), "--stop-after", "15"], capture_output=True)
    if stopped.returncode != 130:
        sys.exit(f"distill --stop-after: exit {stopped.returncode}: {stopped.stderr[-500:]}")
    run(*command, "--resume")
    events = EventAccumulator(str(runs / output.name), size_guidance={"scalars": 0}).Reload()
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    names = {"loss": "train/loss", "divergence": "train/divergence", "gradient_norm": "train/gradient_norm", "learning_rate": "train/learning_rate",
             "held_out_kl": "held_out/kl", "held_out_top1": "held_out/top1"}
    different = 0
    for key, tag in names.items():
        ours = [(line["step"], float(np.float32(line[key]))) for line in lines if key in line]
        different += ours != [(event.step, event.value) for event in events.Scalars(tag)]
    different += set(events.Tags()["scalars"]) != set(names.values())
    row("event files of a resumed run: scalars that differ from metrics.jsonl", "tensorboard", f"{len(names)} of {lines[-1]['step']} steps", different, 0)


def difference(old, new):
    """The largest difference of numbers in two JSON values; infinite where anything else differs."""
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return max((difference(a, b) for a, b in zip(old, new)), default=0.0)
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        return max((difference(old[key], new[key]) for key in old), default=0.0)
    if isinstance(old, (int, float)) and isinstance(new, (int, float)):
        return float(abs(old - new))
    return 0.0 if old == new else float("inf")


def excerpts():
    """Lines of this project's documents and sources, and of the JDK's sources where there are some: texts nobody chose."""
    lines = [line for file in sorted(root.glob("docs/*.md")) for line in file.read_text().splitlines()]
    lines += (root / "core/src/main/java/kept/tensor/Tensor.java").read_text().splitlines()
    for archive in sorted(Path(os.environ.get("KEPT_JAVA_HOME", "/nonexistent")).glob("lib/src.zip")):
        with zipfile.ZipFile(archive) as sources:
            names = [name for name in sorted(sources.namelist()) if name.startswith("java.base/java/")][::40]
            lines += [line for name in names for line in sources.read(name).decode().splitlines()[30:70]]
    return [line for line in lines if line]


work.mkdir(parents=True)
texts = excerpts()
print(f"torch {torch.__version__}, transformers {transformers.__version__}, sentencepiece {sentencepiece.__version__}, {len(texts)} texts\n")
print("| what | compared with | cases | largest difference |\n|---|---|---|---|")
models()
student = demo_students(texts)
tokenizers(student, texts)
generation(student)
gguf_files(texts)
golden()
if EventAccumulator:
    event_files()
else:
    print("\nTensorBoard was left out: the Python package tensorboard is not installed")
if peft:
    adapters(texts)
else:
    print("\npeft was left out: the interpreter has no package peft")
if node_modules:
    llama_cpp(student, texts[::10])
else:
    print("\nllama.cpp was left out: no folder with node-llama-cpp was named")
if wrong:
    sys.exit("over the bound: " + "; ".join(wrong))
