"""Makes chats.json: what apply_chat_template of transformers makes of conversations with the templates beside it. python make_chats.py"""
import json
import pathlib

from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

here = pathlib.Path(__file__).parent
tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), bos_token="<s>", eos_token="</s>")


def turns(*texts, system=None):
    said = [] if system is None else [{"role": "system", "content": system}]
    return said + [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)]


conversations = [
    turns("Hello!"),
    turns("  Hi there \n", "A  <b>&amp;</b> 'quoted' \"answer\"\n", "{{ 7 * 7 }} {% if %} \\n </s> é 猎户座 🙂"),
    turns("Hi", " yes ", "and?", "no", "bye", system="  Be kind,\nbe brief. "),
    turns("", "", " "),
    [{"role": "user", "content": "one"}, {"role": "user", "content": "two"}],
]
chats = []
for path in sorted(here.glob("templates/*.jinja")):
    for messages in conversations:
        chat = {"template": path.name, "messages": messages}
        try:
            chat["text"] = tokenizer.apply_chat_template(messages, chat_template=path.read_text(), tokenize=False, add_generation_prompt=True)
        except Exception as error:
            chat["error"] = str(error)
        chats.append(chat)
(here / "chats.json").write_text("[\n" + ",\n".join(json.dumps(chat, ensure_ascii=False) for chat in chats) + "\n]\n")
