package kept.recording;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import kept.io.FileException;
import kept.safetensors.SafetensorsFile;
import kept.safetensors.SafetensorsWriter;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.weights.TensorSpec;

/**
 * A file of a recording with what is kept of some rows. Ids and counts are unsigned little-endian integers of as few bytes as suffice, the last axis
 * of U8 tensors:
 *
 * <pre>
 *   top-k    tokens [rows, k, bytes]    probabilities [rows, k] F16        rest [rows] F32
 *   samples  tokens [drawn, bytes]      draws [drawn, bytes]               distinct [rows, bytes]   entropies [rows] F32
 * </pre>
 *
 * where {@code drawn} is the sum of {@code distinct}, the number of different tokens of each row.
 */
final class RecordedFile implements AutoCloseable {
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final String TOKENS = "tokens";
    private static final String PROBABILITIES = "probabilities";
    private static final String REST = "rest";
    private static final String DRAWS = "draws";
    private static final String DISTINCT = "distinct";
    private static final String ENTROPIES = "entropies";

    private final SafetensorsFile file;
    private final Path path;
    private final RecordedForm form;
    private final int vocabulary;
    /** For samples: the place of each row's first token, and at the end the number of all. */
    private final int[] starts;

    private RecordedFile(SafetensorsFile file, Path path, RecordedForm form, int vocabulary, int[] starts) {
        this.file = file;
        this.path = path;
        this.form = form;
        this.vocabulary = vocabulary;
        this.starts = starts;
    }

    /** Writes a file, completely or not at all. */
    static void write(Path path, RecordedForm form, int vocabulary, TokenRows rows) {
        if (form.kind() == RecordedForm.Kind.TOP_K) {
            writeMostLikely(path, vocabulary, rows);
        } else {
            writeSamples(path, form, vocabulary, rows);
        }
    }

    private static void writeMostLikely(Path path, int vocabulary, TokenRows rows) {
        int id = RecordedForm.idBytes(vocabulary);
        var tokens = new Bytes(rows.rows() * rows.width(), id);
        var probabilities = new Bytes(rows.rows() * rows.width(), Short.BYTES);
        for (int i = 0; i < rows.tokens().length; i++) {
            tokens.add(rows.tokens()[i]);
            probabilities.add(Float.floatToFloat16(rows.probabilities()[i]));
        }
        var specs = List.of(new TensorSpec(TOKENS, DType.U8, Shape.of(rows.rows(), rows.width(), id)),
                new TensorSpec(PROBABILITIES, DType.F16, Shape.of(rows.rows(), rows.width())), floats(REST, rows.rows()));
        write(path, specs, Map.of(TOKENS, tokens.segment(), PROBABILITIES, probabilities.segment(), REST, bytes(rows.rest())));
    }

    private static void writeSamples(Path path, RecordedForm form, int vocabulary, TokenRows rows) {
        int id = RecordedForm.idBytes(vocabulary);
        int count = form.countBytes();
        int drawn = 0;
        for (float probability : rows.probabilities()) {
            drawn += probability > 0 ? 1 : 0;
        }
        var tokens = new Bytes(drawn, id);
        var draws = new Bytes(drawn, count);
        var distinct = new Bytes(rows.rows(), count);
        for (int row = 0; row < rows.rows(); row++) {
            int before = tokens.size;
            for (int i = row * rows.width(); i < (row + 1) * rows.width(); i++) {
                if (rows.probabilities()[i] > 0) {
                    tokens.add(rows.tokens()[i]);
                    draws.add(Math.round(rows.probabilities()[i] * (double) form.count()));
                }
            }
            distinct.add((tokens.size - before) / id);
        }
        var specs = List.of(new TensorSpec(TOKENS, DType.U8, Shape.of(drawn, id)), new TensorSpec(DRAWS, DType.U8, Shape.of(drawn, count)),
                new TensorSpec(DISTINCT, DType.U8, Shape.of(rows.rows(), count)), floats(ENTROPIES, rows.rows()));
        write(path, specs, Map.of(TOKENS, tokens.segment(), DRAWS, draws.segment(), DISTINCT, distinct.segment(),
                ENTROPIES, bytes(rows.entropies())));
    }

    private static TensorSpec floats(String name, int count) {
        return new TensorSpec(name, DType.F32, Shape.of(count));
    }

    private static void write(Path path, List<TensorSpec> specs, Map<String, MemorySegment> values) {
        try (var writer = SafetensorsWriter.createWithChecksums(path, specs, Map.of())) {
            specs.forEach(spec -> writer.write(spec.name(), values.get(spec.name())));
            writer.finish();
        }
    }

    private static MemorySegment bytes(float[] values) {
        MemorySegment bytes = MemorySegment.ofArray(new byte[values.length * Float.BYTES]);
        for (int i = 0; i < values.length; i++) {
            bytes.setAtIndex(FLOAT, i, values[i]);
        }
        return bytes;
    }

    /** Unsigned little-endian integers of some bytes each. */
    private static final class Bytes {
        private final byte[] content;
        private final int width;
        private int size;

        Bytes(int count, int width) {
            content = new byte[Math.multiplyExact(count, width)];
            this.width = width;
        }

        void add(long value) {
            for (int i = 0; i < width; i++) {
                content[size++] = (byte) (value >>> Byte.SIZE * i);
            }
        }

        MemorySegment segment() {
            return MemorySegment.ofArray(content);
        }
    }

    /**
     * Opens a file and reads all of it once, to see that it is whole.
     *
     * @throws FileException if it is missing, damaged, or not of so many rows
     */
    static RecordedFile open(Path path, RecordedForm form, int vocabulary, long rows) {
        SafetensorsFile file = SafetensorsFile.open(path);
        try {
            file.requireIntact();
            int id = RecordedForm.idBytes(vocabulary);
            if (form.kind() == RecordedForm.Kind.TOP_K) {
                require(file, TOKENS, rows, form.count(), id);
                require(file, PROBABILITIES, rows, form.count());
                require(file, REST, rows);
                return new RecordedFile(file, path, form, vocabulary, new int[0]);
            }
            require(file, DISTINCT, rows, form.countBytes());
            require(file, ENTROPIES, rows);
            int[] starts = starts(file, form, Math.toIntExact(rows));
            require(file, TOKENS, starts[starts.length - 1], id);
            require(file, DRAWS, starts[starts.length - 1], form.countBytes());
            return new RecordedFile(file, path, form, vocabulary, starts);
        } catch (RuntimeException | Error e) {
            file.close();
            throw e;
        }
    }

    private static void require(SafetensorsFile file, String name, long... shape) {
        if (!file.contains(name) || !file.entry(name).shape().equals(Shape.of(shape))) {
            throw new FileException("recorded", file.path(), "has no tensor %s of the shape %s".formatted(name, Shape.of(shape)));
        }
    }

    private static int[] starts(SafetensorsFile file, RecordedForm form, int rows) {
        MemorySegment distinct = file.data(DISTINCT);
        int[] starts = new int[rows + 1];
        for (int row = 0; row < rows; row++) {
            starts[row + 1] = starts[row] + Math.toIntExact(number(distinct, row, form.countBytes()));
        }
        return starts;
    }

    private static long number(MemorySegment bytes, long index, int width) {
        long value = 0;
        for (int i = width - 1; i >= 0; i--) {
            value = value << Byte.SIZE | bytes.get(ValueLayout.JAVA_BYTE, index * width + i) & 0xff;
        }
        return value;
    }

    /** Some rows. */
    TokenRows rows(int first, int count) {
        return form.kind() == RecordedForm.Kind.TOP_K ? mostLikely(first, count) : samples(first, count);
    }

    private TokenRows mostLikely(int first, int count) {
        int k = form.count();
        TokenRows rows = TokenRows.empty(count, k);
        MemorySegment tokens = file.data(TOKENS);
        MemorySegment probabilities = file.data(PROBABILITIES);
        MemorySegment rest = file.data(REST);
        for (int i = 0; i < count * k; i++) {
            rows.tokens()[i] = token(tokens, (long) first * k + i);
            rows.probabilities()[i] = Float.float16ToFloat(probabilities.getAtIndex(SHORT, (long) first * k + i));
        }
        for (int row = 0; row < count; row++) {
            rows.rest()[row] = rest.getAtIndex(FLOAT, (long) first + row);
        }
        rows.normalize();
        return rows;
    }

    private TokenRows samples(int first, int count) {
        int width = 1;
        for (int row = first; row < first + count; row++) {
            width = Math.max(width, starts[row + 1] - starts[row]);
        }
        TokenRows rows = TokenRows.empty(count, width);
        MemorySegment tokens = file.data(TOKENS);
        MemorySegment draws = file.data(DRAWS);
        MemorySegment entropies = file.data(ENTROPIES);
        for (int row = 0; row < count; row++) {
            int from = starts[first + row];
            for (int i = from; i < starts[first + row + 1]; i++) {
                int place = row * width + i - from;
                rows.tokens()[place] = token(tokens, i);
                rows.probabilities()[place] = number(draws, i, form.countBytes()) / (float) form.count();
            }
            rows.entropies()[row] = entropies.getAtIndex(FLOAT, (long) first + row);
        }
        return rows;
    }

    private long token(MemorySegment tokens, long index) {
        long token = number(tokens, index, RecordedForm.idBytes(vocabulary));
        if (token >= vocabulary) {
            throw new FileException("recorded", path, "has the token %,d, but the vocabulary has %,d".formatted(token, vocabulary));
        }
        return token;
    }

    @Override
    public void close() {
        file.close();
    }
}
