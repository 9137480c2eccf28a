package kept.evaluation;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import kept.model.Decoder;
import kept.model.KeyValueCache;
import kept.model.StreamObserver;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/**
 * A model that reads one text after another and computes what they begin with in common only once, through a key-value cache that is taken back to
 * where they part. A long text is read piece by piece, so that besides the cache memory holds one piece's activations. To be used without recording
 * of gradients.
 */
final class CachedReading implements AutoCloseable {
    /** Rows enough for efficient products. */
    private static final int PIECE = 1024;

    private final Decoder model;
    private final KeyValueCache cache;
    private final int pieceLength;
    private int[] seen = {};

    /**
     * Begins with nothing read.
     *
     * @param model the model, which must stay open
     * @param capacity the tokens of the longest text to come
     */
    CachedReading(Decoder model, int capacity) {
        this(model, capacity, PIECE);
    }

    /** Reads pieces of a given length, at least 1. */
    CachedReading(Decoder model, int capacity, int pieceLength) {
        this.model = model;
        this.pieceLength = pieceLength;
        cache = new KeyValueCache(model.config(), 1, capacity, model.device());
    }

    /**
     * Reads a text.
     *
     * @param ids its tokens
     * @param first from which token on the result is wanted
     * @return {@code [tokens from first on, hidden]}, owned by the current scope
     */
    Tensor read(int[] ids, int first) {
        int common = Arrays.mismatch(ids, seen);
        int start = Math.min(common < 0 ? ids.length : common, first);
        cache.truncate(start);
        seen = ids;
        List<Tensor> wanted = new ArrayList<>();
        for (int from = start; from < ids.length; from += pieceLength) {
            int to = Math.min(ids.length, from + pieceLength);
            try (var piece = Scope.open(model.device())) {
                Tensor input = Tensor.of(Arrays.copyOfRange(ids, from, to), 1, to - from);
                Tensor hidden = model.hidden(input, cache, StreamObserver.NONE).squeeze(0);
                if (to > first) {
                    wanted.add(piece.keep(hidden.slice(0, Math.max(0, first - from), to - from)));
                }
            }
        }
        return wanted.size() == 1 ? wanted.getFirst() : Tensor.concat(0, wanted.toArray(Tensor[]::new));
    }

    @Override
    public void close() {
        cache.close();
    }
}
