/**
 * Converts text to token ids and back, with SentencePiece models and {@code tokenizer.json} files, each through its own library, behind one
 * interface. It also writes the tokenizer files of a Llama directory, chat template included, so that transformers uses the same vocabulary, and
 * classifies tokens by their text ({@link kept.tokenizer.TokenClass}).
 *
 * <p>Elsewhere: reading text files ({@code kept.text}) and rendering chat templates ({@code kept.generation}). Nothing is downloaded: the libraries'
 * native parts are in their jars.
 */
package kept.tokenizer;
