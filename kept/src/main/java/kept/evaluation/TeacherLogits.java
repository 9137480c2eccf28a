package kept.evaluation;

import java.util.Optional;
import kept.autograd.FactoredLogits;
import kept.model.Decoder;
import kept.model.NonFinite;
import kept.tensor.Device;
import kept.tensor.Tensor;

/** A teacher's logits on held-out text, which it computes or which were computed before. */
public interface TeacherLogits {
    /** The logits of one text's sequences, as long as it is open. */
    interface Reading extends AutoCloseable {
        /**
         * The logits of a sequence.
         *
         * @param row the number of the sequence in the text
         * @param ids its token ids {@code [1, length]}
         * @return the logits of all its tokens, in the current scope
         */
        FactoredLogits logits(int row, Tensor ids);

        /** Frees what was needed for this text. */
        @Override
        void close();
    }

    /**
     * Begins to read the logits of a text.
     *
     * @param text the text
     * @param device where the logits are used
     * @return the logits; the caller closes it
     */
    Reading open(TextEvaluation text, Device device);

    /**
     * Looks for NaN or infinity in the teacher, after a score was not finite.
     *
     * @param ids the token ids of the sequence {@code [1, length]}
     * @return in words; nothing if it is not at fault
     */
    Optional<String> nonFinite(Tensor ids);

    /**
     * The logits that a teacher computes.
     *
     * @param teacher the teacher, which stays open
     * @return its logits on any text
     */
    static TeacherLogits of(Decoder teacher) {
        return new TeacherLogits() {
            @Override
            public Reading open(TextEvaluation text, Device device) {
                return new Reading() {
                    @Override
                    public FactoredLogits logits(int row, Tensor ids) {
                        return new FactoredLogits(teacher.hidden(ids), teacher.headWeight());
                    }

                    @Override
                    public void close() {
                        // The teacher stays.
                    }
                };
            }

            @Override
            public Optional<String> nonFinite(Tensor ids) {
                return NonFinite.in(teacher, ids);
            }
        };
    }
}
