"""A few small tokenizers of Hugging Face's library, of the kinds people publish, as one JSON array: tokenizers.json. Made with tokenizers 0.23."""
import json, pathlib
from tokenizers import Tokenizer, AddedToken, models, normalizers, pre_tokenizers, decoders, trainers, processors, Regex

here = pathlib.Path(__file__).parent
text = ["The quick brown fox jumps over the lazy dog. 1234 words, and some more words!", "caf\u00e9 na\u00efve \u6771\u4eac word word", "a b  c\n\nd\te"] * 20
LLAMA3 = ("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+")
UPPER, LOWER = "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]", "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
ENDINGS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
O200K = f"{UPPER}*{LOWER}+{ENDINGS}|{UPPER}+{LOWER}*{ENDINGS}|\\p{{N}}{{1,3}}| ?[^\\s\\p{{L}}\\p{{N}}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
DEEPSEEK = ("[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+"
            "|\\s+(?!\\S)|\\s+")


def trained(model, trainer, normalizer=None, splitter=None, decoder=None, processor=None):
    tokenizer = Tokenizer(model)
    for name, part in (("normalizer", normalizer), ("pre_tokenizer", splitter), ("decoder", decoder), ("post_processor", processor)):
        if part is not None:
            setattr(tokenizer, name, part)
    tokenizer.train_from_iterator(text, trainer)
    tokenizer.add_tokens([AddedToken("<sep>", normalized=True), AddedToken("<tool>", normalized=False, rstrip=True)])
    return tokenizer


def split(*patterns):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in patterns]
                                   + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def byte_level(**options):
    return trained(models.BPE(**options), trainers.BpeTrainer(vocab_size=330, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
                   special_tokens=["<s>"]), splitter=pre_tokenizers.ByteLevel(add_prefix_space=False), decoder=decoders.ByteLevel(),
                   processor=processors.ByteLevel())


gpt2, llama3, o200k, deepseek = byte_level(), byte_level(ignore_merges=True), byte_level(), byte_level()
llama3.pre_tokenizer = split(LLAMA3)
llama3.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 0)])
o200k.pre_tokenizer = split(O200K)
deepseek.pre_tokenizer = split("\\p{N}{1,3}", "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+", DEEPSEEK)
bert = trained(models.WordPiece(unk_token="[UNK]"), trainers.WordPieceTrainer(vocab_size=120, special_tokens=["[UNK]"], show_progress=False),
               normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer(), decoders.WordPiece())
unigram = trained(models.Unigram(), trainers.UnigramTrainer(vocab_size=80, unk_token="<unk>", special_tokens=["<unk>"], show_progress=False),
                  normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]), pre_tokenizers.Metaspace(),
                  decoders.Metaspace())
words = trained(models.WordLevel(unk_token="<unk>"), trainers.WordLevelTrainer(special_tokens=["<unk>"], show_progress=False),
                normalizers.Lowercase(), pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation(),
                                                                   pre_tokenizers.Digits(individual_digits=True)]))
result = [json.loads(t.to_str()) for t in (gpt2, llama3, o200k, deepseek, bert, unigram, words)]
(here / "tokenizers.json").write_text(json.dumps(result, ensure_ascii=True, separators=(",", ":")) + "\n")
TEXTS = ["", "The quick brown fox", "word <sep> word<tool> x", "caf\u00e9 cafe\u0301 \u6771\u4eac\u306e 12345", "I'LL don't  \n\n x\r\n\t y  ", "\U0001f680\U0001f469\u200d\U0001f680 \ufb01"]
cases = [[{"text": t, "ids": k.encode(t, add_special_tokens=False).ids} for t in TEXTS] for k in (gpt2, llama3, o200k, deepseek, bert, unigram, words)]
(here / "tokenizers-cases.json").write_text(json.dumps(cases) + "\n")
