"""SentencePiece models of all kinds, with texts and the ids and decoded texts that SentencePiece itself gives for them.

    python make_kinds.py FOLDER_WITH_ENGLISH_TEXT      (any .md or .txt files will do)

writes kinds/NAME.model.gz and kinds/cases.json.gz. Made with sentencepiece 0.2.2.
"""
import gzip, io, json, pathlib, random, sys
import sentencepiece as spm

here = pathlib.Path(__file__).parent
out = here / "kinds"
out.mkdir(exist_ok=True)
lines = []
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*")):
    if path.suffix in (".md", ".txt"):
        lines += [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
lines = lines[:1500] + ["café naïve ﬁnal Ａｂｃ １２３ ㍿ 東京 한국어 слово", "x <sep> y <tool>z<sep>", "ｶﾞｷﾞ が ガ"] * 20
SYMBOLS = ["<sep>", "<tool>", "<tool>x", "\u2581\u2581", "日本"]
KINDS = {
    "bpe-identity": dict(model_type="bpe", normalization_rule_name="identity", byte_fallback=True, remove_extra_whitespaces=False),
    "bpe-plain-unk": dict(model_type="bpe", normalization_rule_name="identity", remove_extra_whitespaces=False),
    "bpe-extra-spaces": dict(model_type="bpe", normalization_rule_name="identity", byte_fallback=True),
    "bpe-no-prefix": dict(model_type="bpe", normalization_rule_name="identity", byte_fallback=True, add_dummy_prefix=False,
                          remove_extra_whitespaces=False),
    "bpe-no-prefix-extra-spaces": dict(model_type="bpe", normalization_rule_name="identity", add_dummy_prefix=False),
    "bpe-symbols": dict(model_type="bpe", normalization_rule_name="identity", byte_fallback=True, user_defined_symbols=SYMBOLS,
                        remove_extra_whitespaces=False),
    "bpe-symbols-extra-spaces": dict(model_type="bpe", normalization_rule_name="identity", user_defined_symbols=SYMBOLS[:3]),
    "bpe-symbols-no-prefix": dict(model_type="bpe", normalization_rule_name="identity", byte_fallback=True, user_defined_symbols=SYMBOLS[:3],
                                  add_dummy_prefix=False, remove_extra_whitespaces=False),
    "bpe-control": dict(model_type="bpe", normalization_rule_name="identity", byte_fallback=True, control_symbols=["<|im_start|>", "<|im_end|>"],
                        remove_extra_whitespaces=False, split_digits=True),
    "bpe-suffix": dict(model_type="bpe", normalization_rule_name="identity", byte_fallback=True, treat_whitespace_as_suffix=True,
                       remove_extra_whitespaces=False),
    "bpe-nmt-nfkc": dict(model_type="bpe", normalization_rule_name="nmt_nfkc", byte_fallback=True),
    "bpe-nfkc-cf-symbols": dict(model_type="bpe", normalization_rule_name="nfkc_cf", user_defined_symbols=SYMBOLS),
    "bpe-own-rules": dict(model_type="bpe", normalization_rule_tsv=str(out / "rules.tsv"), byte_fallback=True, remove_extra_whitespaces=False),
    "unigram-identity": dict(model_type="unigram", normalization_rule_name="identity", byte_fallback=True, remove_extra_whitespaces=False),
    "unigram-symbols": dict(model_type="unigram", normalization_rule_name="identity", user_defined_symbols=SYMBOLS[:3]),
    "unigram-nmt-nfkc-cf": dict(model_type="unigram", normalization_rule_name="nmt_nfkc_cf"),
    "unigram-suffix": dict(model_type="unigram", normalization_rule_name="identity", treat_whitespace_as_suffix=True),
    "char": dict(model_type="char", normalization_rule_name="identity", remove_extra_whitespaces=False),
    "word": dict(model_type="word", normalization_rule_name="identity"),
}
TEXTS = ["", " ", "  ", "\t", "\n", "a", " a", "a ", "  a  ", "a  b   c", "\ta\tb\t", "a\nb\n\nc", "\n \n", " \u00a0 a\u00a0b", "a\r\nb", "\u2581", "\u2581a \u2581",
    "a\u2581b", "a \u2581 b", "zero\u200bwidth\u200d\ufeff joiner", "Ａｂｃ　１２３！", "ﬁnal ﬃ ﬀ", "cafe\u0301 e\u0301\u0323 \u0301", "Å \u212b A\u030a", "が か\u3099 ｶﾞ",
    "한국어 \u1112\u1161\u11ab", "東京都 日本語 日本", "שלום עולם", "مرحبا \ufdfa", "👩\u200d🚀 👍🏽 🇩🇪", "𝔘nicode 𐍈", "\x00a\x00", "\x01\x02\x7f\x1b[0m", "<s>", "</s> <unk>", "<sep>",
    "<sep>a", "a<sep>b", " <sep> ", "a <sep> b<tool>c", "<tool>x<tool>y<tool>", "<sep><sep> <sep>", "\u2581\u2581a", "a    b     c", "<se p>", "<|im_start|>user\n", "<0x41>",
    "<sep><0x41><sep>", "The quick brown fox jumps over the lazy dog.", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", " " * 40 + "x", "1234567890 12,345.67", "x" * 500,
    "ÄÖÜß ſ ẞ İı", "½ ² ℡ ㎏ ①", "…—–“”‘’", "a\u00adb", "ΩΣς", "\U0010ffff\ue000", "word word word  word", "日本<sep>日本"]


def cases(name):
    model = spm.SentencePieceProcessor(model_proto=gzip.decompress((out / (name + ".model.gz")).read_bytes()))
    rng = random.Random(name)
    texts = list(TEXTS)
    alphabet = "  aabcdefghilnorst\n\t.,(){}=+éＡﬁ\u0301☃🚀猎\u2581"
    for _ in range(60):
        text = "".join(rng.choice(alphabet) for _ in range(rng.randrange(1, 40)))
        at = rng.randrange(len(text) + 1)
        texts.append(text[:at] + rng.choice(SYMBOLS + ["", " ", "  "]) + text[at:])
    return [dict(text=text, ids=model.encode(text), decoded=model.decode(model.encode(text))) for text in texts]


if __name__ == "__main__":
    (out / "rules.tsv").write_text("41\t61\n42\t62 62\n43 44\t63\nE9\t65\n20AC\t45 55 52\n")
    result = {}
    for name, options in KINDS.items():
        writer = io.BytesIO()
        size = dict(vocab_size=200, hard_vocab_limit=False) if options["model_type"] in ("char", "word") else dict(vocab_size=620)
        spm.SentencePieceTrainer.train(sentence_iterator=iter(lines), model_writer=writer, minloglevel=2, num_threads=1,
                                       character_coverage=0.99, **size, **options)
        (out / (name + ".model.gz")).write_bytes(gzip.compress(writer.getvalue(), mtime=0))
        result[name] = cases(name)
    (out / "cases.json.gz").write_bytes(gzip.compress(json.dumps(result).encode(), mtime=0))
    print({name: len(value) for name, value in result.items()})
