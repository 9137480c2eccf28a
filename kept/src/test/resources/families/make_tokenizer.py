#!/usr/bin/env python3
"""Small byte-level BPE tokenizers as checkpoints of these families have them, and ids and texts that the library tokenizers gives for them.

    python make_tokenizer.py

Needs tokenizers. Writes tokenizer/, which splits text as OLMo's and StableLM 3B's do, and tokenizer-digits/, which also splits digits, as
StarCoder2's does. Each has tokenizer.json, vocab.json, merges.txt, tokenizer_config.json, special_tokens_map.json and cases.json.
"""
import json
import pathlib

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).resolve().parent
TEXTS = ["The quick brown fox jumps over the lazy dog.", "def add(a, b):\n    return a + b\n", "  two  spaces\tand a tab",
         "naïve café — “quotes” … 100% €5", "猎户座是天空中的星座。", "🙂🚀 emoji and ﬁ ligature", "", " ", "\n\n", "a" * 40, "1234567890 3.14159", "x<|endoftext|>y",
         "<fim_prefix>def f():<fim_suffix>", "don't we'll I'm", "\r\nwindows\r\n", "\u00a0\u200b", "\x00\x01"]
SIZE = 316


def write(name, splitting, tokenizer_class):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = splitting
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<fim_prefix>", "<fim_suffix>", "<fim_middle>"]
    trainer = trainers.BpeTrainer(vocab_size=SIZE, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(TEXTS[:4] * 8, trainer)
    # Not special: found in a text, and shown when tokens are decoded.
    tokenizer.add_tokens([AddedToken("<tool>", normalized=False)])
    tokenizer.save(str(folder / "tokenizer.json"))
    tokenizer.model.save(str(folder))
    end = "<|endoftext|>"
    settings = {"add_prefix_space": False, "bos_token": end, "eos_token": end, "unk_token": end, "clean_up_tokenization_spaces": False,
                "model_max_length": 1000000000000000019884624838656, "tokenizer_class": tokenizer_class}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")
    (folder / "special_tokens_map.json").write_text(json.dumps({"bos_token": end, "eos_token": end, "unk_token": end}, indent=2) + "\n")
    cases = []
    for text in [*TEXTS, "a<tool>b"]:
        ids = tokenizer.encode(text).ids
        cases.append({"text": text, "ids": ids, "decoded": tokenizer.decode(ids), "whole": tokenizer.decode(ids, skip_special_tokens=False)})
    (folder / "cases.json").write_text(json.dumps(cases, ensure_ascii=False, indent=1) + "\n")
    print(name, tokenizer.get_vocab_size(), "tokens,", len(cases), "texts")


if __name__ == "__main__":
    words = pre_tokenizers.ByteLevel(add_prefix_space=False)
    write("tokenizer", words, "GPTNeoXTokenizer")
    write("tokenizer-digits", pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), words]), "GPT2Tokenizer")
