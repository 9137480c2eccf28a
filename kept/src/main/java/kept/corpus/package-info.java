/**
 * Text to train and to evaluate on: the files of a corpus and their formats, and the token ids they become, packed into sequences of one length.
 *
 * <p>How text becomes ids is {@code kept.tokenizer}'s matter; what is done with the sequences is {@code kept.training}'s,
 * {@code kept.evaluation}'s and {@code kept.calibration}'s.
 */
package kept.corpus;
