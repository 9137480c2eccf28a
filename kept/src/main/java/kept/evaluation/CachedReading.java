package kept.evaluation;

import java.util.Arrays;
import kept.model.Decoder;
import kept.model.KeyValueCache;
import kept.tensor.Tensor;

/**
 * A model that reads one text after another and computes their common prefix only once, with a key-value cache that is truncated to it. Gradients are
 * not recorded.
 */
final class CachedReading implements AutoCloseable {
    private final Decoder model;
    private final KeyValueCache cache;
    private int[] seen = {};

    /**
     * Creates a reading with an empty cache.
     *
     * @param model the model, which must stay open
     * @param capacity the maximum number of tokens of a text
     */
    CachedReading(Decoder model, int capacity) {
        this.model = model;
        cache = new KeyValueCache(model.config(), 1, capacity, model.device());
    }

    /**
     * Reads a text.
     *
     * @param ids its tokens
     * @param first the first token whose result is needed
     * @return {@code [tokens from first on, hidden]}, owned by the current scope
     */
    Tensor read(int[] ids, int first) {
        int common = Arrays.mismatch(ids, seen);
        int start = Math.min(common < 0 ? ids.length : common, first);
        cache.truncate(start);
        seen = ids;
        return model.prefill(Tensor.of(Arrays.copyOfRange(ids, start, ids.length), 1, ids.length - start), cache, first - start).squeeze(0);
    }

    /** Empties the cache. */
    void forget() {
        cache.truncate(0);
        seen = new int[0];
    }

    @Override
    public void close() {
        cache.close();
    }
}
