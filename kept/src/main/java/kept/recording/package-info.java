/**
 * A teacher's logits recorded in advance: {@link kept.recording.LogitRecorder} takes from each distribution what a {@link
 * kept.recording.RecordedForm} keeps, {@link kept.recording.RecordingWriter} writes it, with the hidden states of held-out text, and {@link
 * kept.recording.Recording} reads it.
 *
 * <p>A recording is a directory: {@code recording.json} with what was recorded and how, {@code logits-NNNNNN.safetensors} with the tokens and
 * probabilities of some sequences of the training text each, in the order of training, and {@code held-out-NNN.safetensors} with the teacher's hidden
 * states on a held-out text, which with its head give all logits exactly.
 *
 * <p>Elsewhere: the runs that record and that use it ({@code kept.run}), the training ({@code kept.training}).
 */
package kept.recording;
