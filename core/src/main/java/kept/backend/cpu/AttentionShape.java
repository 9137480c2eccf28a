package kept.backend.cpu;

import kept.tensor.Tensor;

/**
 * The sizes of causal grouped-query attention. Query t sees keys 0 to keys - queries + t.
 *
 * @param batch sequences
 * @param queries query tokens, at least 1
 * @param keys key tokens, at least as many
 * @param heads query heads
 * @param groups key and value heads, of which {@code heads} is a multiple
 * @param width elements of a head's vector
 */
record AttentionShape(int batch, int queries, int keys, int heads, int groups, int width) {
    /**
     * Checks the sizes.
     *
     * @throws IllegalArgumentException if there are fewer keys than queries or the heads do not divide into the groups
     */
    AttentionShape {
        if (keys < queries || groups < 1 || heads % groups != 0) {
            throw new IllegalArgumentException("[attention] needs at least as many keys as queries and heads a multiple of groups, not "
                + queries + " queries, " + keys + " keys, " + heads + " heads, " + groups + " groups");
        }
    }

    /**
     * The sizes of tensors.
     *
     * @param q {@code [batch, queries, heads, width]}
     * @param k {@code [batch, keys, groups, width]}
     * @return their sizes
     */
    static AttentionShape of(Tensor q, Tensor k) {
        return new AttentionShape(Math.toIntExact(q.size(0)), Math.toIntExact(q.size(1)), Math.toIntExact(k.size(1)), Math.toIntExact(q.size(2)),
            Math.toIntExact(k.size(2)), Math.toIntExact(q.size(3)));
    }

    /**
     * The number of keys that a query sees.
     *
     * @param query the query
     * @return the number of keys, counted from the first
     */
    int seen(int query) {
        return keys - queries + query + 1;
    }

    /**
     * Query heads that share a key head.
     *
     * @return their number
     */
    int headsOfGroup() {
        return heads / groups;
    }
}
