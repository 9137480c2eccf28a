/**
 * Text for training, calibration and evaluation: the files of a corpus, their formats, and their token ids, packed into sequences of one length.
 *
 * <p>Elsewhere: tokenizers ({@code kept.tokenizer}), and the use of the sequences ({@code kept.training}, {@code kept.evaluation},
 * {@code kept.calibration}).
 */
package kept.corpus;
