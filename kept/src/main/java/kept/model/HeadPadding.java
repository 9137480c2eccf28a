package kept.model;

import kept.tensor.TensorException;

/**
 * The heads that a Llama has where another model's hidden size is no multiple of its heads, which transformers requires of a Llama: each group of
 * heads that share a key and value head gets more heads, whose queries and outputs are 0.
 *
 * @param groups key and value heads
 * @param heads the heads of a group
 * @param padded the heads of a group in the Llama, at least as many
 */
public record HeadPadding(int groups, int heads, int padded) {
    /**
     * The heads for a source.
     *
     * @param source its configuration
     * @return as few as make the hidden size a multiple
     * @throws TensorException if no number does
     */
    public static HeadPadding of(DecoderConfig source) {
        int groups = source.keyValueHeads();
        int heads = source.heads() / groups;
        for (int padded = heads; (long) padded * groups <= source.hiddenSize(); padded++) {
            if (source.hiddenSize() % (padded * groups) == 0) {
                return new HeadPadding(groups, heads, padded);
            }
        }
        throw new TensorException(("[llama] hidden_size %d is no multiple of num_attention_heads %d, as transformers requires of a Llama, nor of a "
            + "larger number of heads in %d groups (num_key_value_heads), to which heads of zeros could fill it up: distil into a Llama of other "
            + "heads (distill --student)").formatted(source.hiddenSize(), source.heads(), groups));
    }

    /**
     * Whether there are more heads in the Llama.
     *
     * @return false if it has as many
     */
    public boolean isNeeded() {
        return padded > heads;
    }
}
