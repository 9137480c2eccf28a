/**
 * Text to token ids and back: SentencePiece models and {@code tokenizer.json} files, each through its own library, behind one interface.
 * What a Llama directory needs so that transformers reads the same vocabulary is written here too.
 *
 * <p>No text files are read here (that is {@code kept.corpus}), no chat templates are rendered, and nothing is downloaded: the libraries'
 * native parts lie inside their jars.
 */
package kept.tokenizer;
