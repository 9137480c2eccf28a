package kept.tokenizer;
/** x */
final class TokenizerFiles { static final String CONFIG_FILE = "tokenizer_config.json"; }
