package kept.corpus;

import java.util.List;

/** One sequence from each source in turn. */
final class AlternatingSequences implements TokenSequences {
    private final List<TokenSequences> sources;
    private long position;

    AlternatingSequences(List<? extends TokenSequences> sources) {
        this.sources = List.copyOf(sources);
    }

    @Override
    public int[] next(int batch) {
        int[] ids = null;
        for (int row = 0; row < batch; row++) {
            int[] sequence = sources.get((int) (position % sources.size())).next(1);
            if (ids == null) {
                ids = new int[Math.multiplyExact(batch, sequence.length)];
            }
            System.arraycopy(sequence, 0, ids, row * sequence.length, sequence.length);
            position++;
        }
        return ids;
    }

    @Override
    public long position() {
        return position;
    }

    @Override
    public void seek(long target) {
        int count = sources.size();
        for (int i = 0; i < count; i++) {
            sources.get(i).seek((target + count - 1 - i) / count);
        }
        position = target;
    }
}
