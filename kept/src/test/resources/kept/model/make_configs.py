"""Writes every key of the configurations that transformers (5.18 when they were made) saves of a small Llama: python make_configs.py"""
import json
from transformers import AddedToken, GenerationConfig, LlamaConfig, PreTrainedTokenizerFast
from tokenizers import Tokenizer, models

config = LlamaConfig(vocab_size=160, hidden_size=32, intermediate_size=80, num_hidden_layers=2, num_attention_heads=4, architectures=['LlamaForCausalLM'])
tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), bos_token='<s>', eos_token='</s>', unk_token='<unk>', pad_token='<unk>',
    extra_special_tokens=['<|a|>'], model_max_length=128, padding_side='left', chat_template='{{ messages }}', clean_up_tokenization_spaces=False)
tokenizer.save_pretrained('/tmp/tokenizer-config')
with open('configs.json', 'w') as out:
    json.dump({
        'config': json.loads(config.to_json_string(use_diff=False)),
        'config_diff': json.loads(config.to_json_string()),
        'generation': json.loads(GenerationConfig().to_json_string(use_diff=False)),
        'tokenizer': json.load(open('/tmp/tokenizer-config/tokenizer_config.json')),
    }, out, indent=1, sort_keys=True)
    out.write('\n')
