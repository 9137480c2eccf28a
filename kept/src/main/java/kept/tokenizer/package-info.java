/**
 * Converts text to token ids and back, with SentencePiece models and {@code tokenizer.json} files, each through its own library, behind one
 * interface. Also writes the tokenizer files of a Llama directory, so that transformers uses the same vocabulary.
 *
 * <p>Elsewhere: reading text files ({@code kept.text}) and rendering chat templates ({@code kept.generation}). Nothing is downloaded: the libraries'
 * native parts are in their jars.
 */
package kept.tokenizer;
