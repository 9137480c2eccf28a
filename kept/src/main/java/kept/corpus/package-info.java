/**
 * Text for training, calibration and evaluation: the files of a corpus, their formats, samples of a corpus, and its token ids, packed into sequences
 * of one length and mixed in shares.
 *
 * <p>Elsewhere: tokenizers ({@code kept.tokenizer}), how conversations become text ({@code kept.generation}), and the use of the sequences
 * ({@code kept.training}, {@code kept.evaluation}, {@code kept.calibration}).
 */
package kept.corpus;
