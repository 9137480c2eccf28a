#!/usr/bin/env python3
"""A small byte-level BPE tokenizer as checkpoints of these families have it, and ids and texts that the library tokenizers gives for it.

    python make_tokenizer.py

Needs tokenizers. Writes tokenizer/: tokenizer.json, vocab.json, merges.txt, tokenizer_config.json, special_tokens_map.json and cases.json.
"""
import json
import pathlib

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

FOLDER = pathlib.Path(__file__).resolve().parent / "tokenizer"
TEXTS = ["The quick brown fox jumps over the lazy dog.", "def add(a, b):\n    return a + b\n", "  two  spaces\tand a tab",
         "naïve café — “quotes” … 100% €5", "猎户座是天空中的星座。", "🙂🚀 emoji and ﬁ ligature", "", " ", "\n\n", "a" * 40, "1234567890 3.14159", "x<|endoftext|>y",
         "<fim_prefix>def f():<fim_suffix>", "don't we'll I'm", "\r\nwindows\r\n", "\u00a0\u200b", "\x00\x01"]
SIZE = 316


def main():
    FOLDER.mkdir(exist_ok=True)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                                       pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<fim_prefix>", "<fim_suffix>", "<fim_middle>"]
    trainer = trainers.BpeTrainer(vocab_size=SIZE, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(TEXTS[:4] * 8, trainer)
    # Not special: found in a text, and shown when tokens are decoded.
    tokenizer.add_tokens([AddedToken("<tool>", normalized=False)])
    tokenizer.save(str(FOLDER / "tokenizer.json"))
    tokenizer.model.save(str(FOLDER))
    end = "<|endoftext|>"
    settings = {"add_prefix_space": False, "bos_token": end, "eos_token": end, "unk_token": end, "clean_up_tokenization_spaces": False,
                "model_max_length": 1000000000000000019884624838656, "tokenizer_class": "GPT2Tokenizer"}
    (FOLDER / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")
    (FOLDER / "special_tokens_map.json").write_text(json.dumps({"bos_token": end, "eos_token": end, "unk_token": end}, indent=2) + "\n")
    cases = []
    for text in [*TEXTS, "a<tool>b"]:
        ids = tokenizer.encode(text).ids
        cases.append({"text": text, "ids": ids, "decoded": tokenizer.decode(ids), "whole": tokenizer.decode(ids, skip_special_tokens=False)})
    (FOLDER / "cases.json").write_text(json.dumps(cases, ensure_ascii=False, indent=1) + "\n")
    print(tokenizer.get_vocab_size(), "tokens,", len(cases), "texts")


if __name__ == "__main__":
    main()
