#!/usr/bin/env python3
"""Small byte-level BPE tokenizers as checkpoints of these families have them, and ids and texts that the library tokenizers gives for them.

    python make_tokenizer.py

Needs tokenizers. Each folder has tokenizer.json, tokenizer_config.json, special_tokens_map.json and cases.json, the first two also vocab.json and
merges.txt, the last two also ids.json: the ids of texts.json, which the script writes beside the folders.

    tokenizer            splits text as GPT-2's
    tokenizer-digits     as StarCoder2's: each digit alone
    tokenizer-nfc        as OLMo's and StableLM 3B's: NFC, GPT-2's splitting, runs of spaces as added tokens
    tokenizer-stablelm2  as StableLM 2's: NFC, GPT-4's splitting with each digit alone
"""
import json
import pathlib
import random
import unicodedata

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).resolve().parent
TEXTS = ["The quick brown fox jumps over the lazy dog.", "def add(a, b):\n    return a + b\n", "  two  spaces\tand a tab",
         "naïve café — “quotes” … 100% €5", "猎户座是天空中的星座。", "🙂🚀 emoji and ﬁ ligature", "", " ", "\n\n", "a" * 40, "1234567890 3.14159",
         "x<|endoftext|>y",
         "<fim_prefix>def f():<fim_suffix>", "don't we'll I'm", "\r\nwindows\r\n", "\u00a0\u200b", "\x00\x01"]
END = "<|endoftext|>"
SIZE = 316
LARGE = 900
# Line breaks stand for themselves, as in the published file.
STABLELM2 = ("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+")


def many_texts():
    """Texts without special tokens: written by hand, and made at random of characters that splitting rules treat differently."""
    texts = [text for text in TEXTS if "<|" not in text and "<fim" not in text]
    texts += [" " * n for n in range(2, 31)] + ["a" + " " * n + "b" for n in (2, 3, 4, 8, 23, 24, 25, 26, 47, 48, 49, 50)]
    texts += ["1", "12", "123", "1234", "12345", "1234567", "3.3", "3..3", "1,000,000.00", "v1.2.3-rc4", "0x1F 0b101", "+49 (0)89 123-45",
              "٣٤٥ १२३ 一二三", "½ ⅓ Ⅻ ²³ ①",
              "a1b22c333", "in 1999, 2 of 3", "7th 22nd 10km", "99 bottles", " 42", "  42  "]
    texts += ["don't", "DON'T", "we'll we've we're", "WE'LL WE'VE WE'RE", "I'm he'd it's", "'s 't 're", "rock'n'roll", "it''s", "O'Neill's",
              "l'été d'or", "'", "''''", "can\u2019t"]
    texts += ["\n", "\n\n\n", "\r\n\r\n", "\r", "\t", "\t\t\n", " \n", "\n ", " \n \n ", "a\nb", "a \n b", "a\n\n  b", "x  \n  y", "a\r\n\r\n  b",
              "!\n!", "!!!\n\n\n!", "? \n", ".\r\n.", "end.\n",
              "\u2028\u2029", "\x0b\x0c\x85", "\u3000全角", "a\u00a0b", "\u200b\u200d\ufeff"]
    texts += ["café", "cafe\u0301", "A\u030angstro\u0308m", "Ångström", "\u212b \u2126", "가나다", "\u1100\u1161\u1102\u1161", "ẛ̣", "e\u0301\u0302",
              "\u0301", "q\u0323\u0307", "ﬀ ﬁ ﬂ", "Việt Nam", "Vie\u0323\u0302t"]
    texts += ["🙂", "🙂🚀", "👨‍👩‍👧", "👍🏽", "🇩🇪🇫🇷", "a🙂b", " 🙂", "❤️", "🦙🦙 3"]
    texts += ["我想在apple工作1314151天～", "こんにちは、世界！", "안녕하세요 세계", "Привет, мир!", "سلام دنیا!", "नमस्ते दुनिया", "កាន់តែពិសេស", "שלום עולם", "ไทย",
              "Ελληνικά", "中文 和 English 混排。"]
    texts += ["for (int i = 0; i < 10; i++) {\n\tsum += a[i];\n}\n", "#include <stdio.h>\n\nint main(void) {\n    return 0;\n}\n",
              "SELECT * FROM t WHERE a = 'b';   -- comment",
              "{\"key\": [1, 2.5, null]}", "<div class=\"a\">text</div>", "# Title\n\n- item\n- item\n\n```sh\nls -la\n```\n",
              "x = lambda a: a ** 2  # square", "https://example.com/path?q=1&x=2#frag",
              "a_b-c.d/e\\f", "$HOME/.bashrc", "!=====!", "------======", "''''''```````\"\"\"\"......!!!!!!??????", "f(x)=y", "(a)(b)", "...",
              " ...", "a...b", "©®™", "#hashtag @user", "C++ C# F#"]
    numbers = random.Random(31)
    characters = "aabcdeiorstAE  \n\t\r'.,;!(){}=-_/\"123456789é\u0301猎い🚀\u00a0\u200d½"
    texts += ["".join(numbers.choice(characters) for _ in range(numbers.randrange(1, 40))) for _ in range(120)]
    return list(dict.fromkeys(texts))


def write(name, splitting, tokenizer_class, padding=None):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    large = padding is not None
    tokenizer = Tokenizer(models.BPE())
    if large:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = splitting
    tokenizer.decoder = decoders.ByteLevel()
    special = [END, "<fim_prefix>", "<fim_suffix>", "<fim_middle>"] + ([padding] if large else [])
    trainer = trainers.BpeTrainer(vocab_size=LARGE if large else SIZE, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  show_progress=False)
    tokenizer.train_from_iterator((many_texts() if large else TEXTS[:4]) * 8, trainer)
    # Not special: found in a text, and shown when tokens are decoded.
    tokenizer.add_tokens([AddedToken("<tool>", normalized=False)])
    if name == "tokenizer-nfc":
        tokenizer.add_tokens([AddedToken(" " * n, normalized=True) for n in range(24, 1, -1)] + [AddedToken("|||EMAIL_ADDRESS|||", normalized=False)])
    tokenizer.save(str(folder / "tokenizer.json"))
    if not large:
        tokenizer.model.save(str(folder))
    names = {"bos_token": END, "eos_token": END, "unk_token": END} | ({"pad_token": padding} if large else {})
    settings = {"add_prefix_space": False, **names, "clean_up_tokenization_spaces": False, "model_max_length": 1000000000000000019884624838656,
                "tokenizer_class": tokenizer_class}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")
    (folder / "special_tokens_map.json").write_text(json.dumps(names, indent=2) + "\n")
    cases = []
    for text in [*TEXTS, "a<tool>b"]:
        ids = tokenizer.encode(text).ids
        cases.append({"text": text, "ids": ids, "decoded": tokenizer.decode(ids), "whole": tokenizer.decode(ids, skip_special_tokens=False)})
    (folder / "cases.json").write_text(json.dumps(cases, ensure_ascii=False, indent=1) + "\n")
    if large:
        lines = [json.dumps(tokenizer.encode(text).ids, separators=(",", ":")) for text in many_texts()]
        (folder / "ids.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
    print(name, tokenizer.get_vocab_size(), "tokens,", len(cases), "texts")


if __name__ == "__main__":
    words = pre_tokenizers.ByteLevel(add_prefix_space=False)
    write("tokenizer", words, "GPTNeoXTokenizer")
    write("tokenizer-digits", pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), words]), "GPT2Tokenizer")
    write("tokenizer-nfc", words, "GPTNeoXTokenizer", "<|padding|>")
    bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    write("tokenizer-stablelm2", pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(STABLELM2), "removed", invert=True), bytes_only]),
          "PreTrainedTokenizerFast", "<|extra0|>")
    texts = many_texts()
    (HERE / "texts.json").write_text("[\n" + ",\n".join(json.dumps(text) for text in texts) + "\n]\n")
    composed = sum(unicodedata.is_normalized("NFC", text) for text in texts)
    print(len(texts), "texts,", composed, "of them in NFC")
