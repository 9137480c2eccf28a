"""Writes added-ids.json: files with added tokens whose ids are their own, and the ids that tokenizers 0.23 gives them.

python make_added_ids.py
"""
import json
import random
from pathlib import Path
from tokenizers import Tokenizer

random.seed(9)
PIECES = ["<unk>", "a", "b", "c", "ab", "abc", " "]
cases = []
while len(cases) < 40:
    vocabulary = {piece: i for i, piece in enumerate(PIECES)}
    if random.random() < 0.6:
        vocabulary["far"] = 40
    added = []
    for _ in range(random.randint(1, 4)):
        text = random.choice(["<x>", "<y>", "<z>", "a", "abc", "far", "far", "\u2028"])
        added.append({"id": random.choice([len(PIECES) + len(added), len(PIECES) + len(added), 1, 40, 60]), "content": text,
                      "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": random.random() < 0.5})
    content = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None, "pre_tokenizer": None,
               "post_processor": None, "decoder": None, "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>",
               "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
               "ignore_merges": False, "vocab": vocabulary, "merges": [["a", "b"], ["ab", "c"]]}}
    tokenizer = Tokenizer.from_str(json.dumps(content))
    cases.append({"json": content, "ids": [tokenizer.token_to_id(token["content"]) for token in added]})
Path(__file__).with_name("added-ids.json").write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
