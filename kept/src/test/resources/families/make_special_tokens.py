#!/usr/bin/env python3
"""The special tokens that transformers' AutoTokenizer gives to a byte-level tokenizer, by what the files beside tokenizer.json say.

    python make_special_tokens.py

Needs transformers. Writes special-tokens.json beside itself: a list of cases with the files of a directory (tokenizer.json is that of tokenizer-nfc;
post_processor takes the place of its own), the special tokens by name, and the ids of a text with what is added to it.
"""
import json
import pathlib
import tempfile

import transformers
from transformers import AutoTokenizer

HERE = pathlib.Path(__file__).resolve().parent
NAMES = ("bos_token", "eos_token", "unk_token", "pad_token")
END, FIM, PAD = "<|endoftext|>", "<fim_prefix>", "<|padding|>"
TEXT = "The quick brown fox"
TEMPLATE = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": FIM, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {FIM: {"id": FIM, "ids": [1], "tokens": [FIM]}}}


def added(text):
    return {"content": text, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False}


def cases():
    for family in ("olmo", "starcoder2", "stablelm", "nemotron", "llama"):
        model = {"model_type": family, "bos_token_id": 2, "eos_token_id": 3}
        yield {"config.json": model}, None
        if family != "olmo":    # whose class passes over the post-processor of tokenizer.json
            yield {"config.json": model}, TEMPLATE
        yield {"config.json": model, "tokenizer_config.json": {}}, None
        yield {"config.json": model, "tokenizer_config.json": {"bos_token": None, "eos_token": FIM}}, None
        yield {"config.json": model, "special_tokens_map.json": {"eos_token": FIM, "pad_token": added(PAD)}}, None
        for name in ("GPT2Tokenizer", "GPT2TokenizerFast", "GPTNeoXTokenizer", "GPTNeoXTokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend"):
            yield {"config.json": model, "tokenizer_config.json": {"tokenizer_class": name, "unk_token": FIM}}, None
    model = {"model_type": "llama"}
    yield {"config.json": model, "tokenizer_config.json": {"eos_token": END}, "special_tokens_map.json": {"eos_token": FIM, "bos_token": END}}, None
    yield {"config.json": model, "special_tokens_map.json": {"eos_token": FIM},
           "tokenizer_config.json": {"eos_token": END, "added_tokens_decoder": {"0": added(END) | {"special": True}}}}, None
    yield {"config.json": model, "special_tokens_map.json": {"eos_token": added(FIM)},
           "tokenizer_config.json": {"tokenizer_class": "GPT2Tokenizer"}}, TEMPLATE
    for flag in (None, False, True):    # which no class looks at where there is a tokenizer.json
        settings = {"bos_token": FIM} | ({} if flag is None else {"add_bos_token": flag, "add_eos_token": flag})
        for name in ("GPT2Tokenizer", "PreTrainedTokenizerFast"):
            for processor in (None, TEMPLATE):
                yield {"config.json": model, "tokenizer_config.json": settings | {"tokenizer_class": name}}, processor


def main():
    transformers.logging.set_verbosity_error()
    tokenizer = json.loads((HERE / "tokenizer-nfc/tokenizer.json").read_text())
    lines = []
    for files, processor in cases():
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            for name, content in files.items():
                (folder / name).write_text(json.dumps(content))
            (folder / "tokenizer.json").write_text(json.dumps(tokenizer | {"post_processor": processor}))
            loaded = AutoTokenizer.from_pretrained(folder)
        tokens = {name: getattr(loaded, name) for name in NAMES if getattr(loaded, name) is not None}
        lines.append(json.dumps({"files": files, "post_processor": processor, "tokens": tokens, "ids": loaded(TEXT)["input_ids"]}))
        print(type(loaded).__name__, lines[-1])
    (HERE / "special-tokens.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
    print(len(lines), "cases, transformers", transformers.__version__)


if __name__ == "__main__":
    main()
