package kept.gguf;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.LongConsumer;
import java.util.stream.LongStream;
import kept.io.FileException;
import kept.io.OutputFile;
import kept.tensor.Bfloat16;
import kept.tensor.DType;
import kept.weights.TensorEntry;

/**
 * Converts one tensor of a mapped checkpoint and writes it to its offset in a file, a few rows at a time on each thread, to bound memory. The bytes
 * do not depend on the number of threads.
 */
final class TensorStream {
    private static final long ELEMENTS_AT_ONCE = 1 << 18;
    private static final ValueLayout.OfFloat FLOATS = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORTS = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final GgufTensor tensor;
    private final TensorEntry entry;
    private final MemorySegment data;
    private final int columns;
    private final long rows;

    /**
     * Prepares a tensor.
     *
     * @param tensor the tensor in the file
     * @param entry the metadata of its source
     * @param data the source's elements
     */
    TensorStream(GgufTensor tensor, TensorEntry entry, MemorySegment data) {
        this.tensor = tensor;
        this.entry = entry;
        this.data = data;
        // A vector that is permuted is treated as rows of one element.
        this.columns = tensor.headDimension() != 0 && tensor.shape().rank() == 1 ? 1 : Math.toIntExact(tensor.columns());
        this.rows = tensor.shape().elementCount() / columns;
    }

    /**
     * Writes the tensor.
     *
     * @param file where to
     * @param offset its place there
     * @param progress receives the number of bytes written, from any thread
     * @throws FileException if an element cannot be stored in the type, or writing fails
     */
    void write(OutputFile file, long offset, LongConsumer progress) {
        long atOnce = Math.clamp(ELEMENTS_AT_ONCE / columns, 1, rows);
        LongStream.range(0, Math.ceilDiv(rows, atOnce)).parallel().forEach(part -> {
            long first = part * atOnce;
            byte[] bytes = convert(first, Math.min(atOnce, rows - first));
            file.write(ByteBuffer.wrap(bytes), offset + first * tensor.type().byteSize(columns));
            progress.accept(bytes.length);
        });
    }

    private byte[] convert(long first, long count) {
        int rowBytes = Math.toIntExact(tensor.type().byteSize(columns));
        byte[] bytes = new byte[Math.toIntExact(count * rowBytes)];
        boolean verbatim = tensor.type().dtype().filter(dtype -> dtype == entry.dtype()).isPresent();
        var row = new Row(verbatim ? 0 : columns);
        for (int i = 0; i < count; i++) {
            long place = tensor.sourceRow(first + i) * columns * entry.dtype().bytes();
            if (verbatim) {
                MemorySegment.copy(data, ValueLayout.JAVA_BYTE, place, bytes, i * rowBytes, rowBytes);
            } else {
                row.read(place);
                row.write(bytes, i * rowBytes);
            }
        }
        return bytes;
    }

    private FileException refused(String problem) {
        return new FileException("gguf", entry.file(), entry.name(), -1, problem);
    }

    /** A row converted to f32, between the source's type and the file's. */
    private final class Row {
        private final float[] values;
        private final short[] halves;

        Row(int columns) {
            values = new float[columns];
            halves = new short[columns];
        }

        void read(long place) {
            if (entry.dtype() == DType.F32) {
                MemorySegment.copy(data, FLOATS, place, values, 0, values.length);
                return;
            }
            MemorySegment.copy(data, SHORTS, place, halves, 0, halves.length);
            if (entry.dtype() == DType.BF16) {
                for (int i = 0; i < values.length; i++) {
                    values[i] = Bfloat16.toFloat(halves[i]);
                }
            } else {
                for (int i = 0; i < values.length; i++) {
                    values[i] = Float.float16ToFloat(halves[i]);
                }
            }
        }

        void write(byte[] target, int start) {
            switch (tensor.type()) {
                case F32 -> MemorySegment.copy(values, 0, MemorySegment.ofArray(target), FLOATS, start, values.length);
                case F16 -> writeF16(target, start);
                case BF16 -> writeBf16(target, start);
                case Q8_0 -> writeQ8(target, start);
            }
        }

        private void writeF16(byte[] target, int start) {
            boolean overflow = false;
            for (int i = 0; i < values.length; i++) {
                halves[i] = Float.floatToFloat16(values[i]);
                overflow |= (halves[i] & 0x7fff) == 0x7c00;
            }
            if (overflow) {
                refuseOverflow();
            }
            putHalves(target, start);
        }

        /** Rounds to nearest, ties to even; NaN stays NaN. */
        private void writeBf16(byte[] target, int start) {
            for (int i = 0; i < values.length; i++) {
                halves[i] = Bfloat16.of(values[i]);
            }
            putHalves(target, start);
        }

        private void writeQ8(byte[] target, int start) {
            int bad = Q8Blocks.quantize(values, target, start);
            if (bad >= 0) {
                float worst = 0;
                for (int i = bad; i < bad + Q8Blocks.ELEMENTS; i++) {
                    worst = Float.isNaN(values[i]) || Math.abs(values[i]) > Math.abs(worst) ? values[i] : worst;
                }
                throw refused("holds %s, which q8_0 cannot store; %s".formatted(worst, Float.isFinite(worst)
                        ? "take bf16 or f32" : "the weights are damaged"));
            }
        }

        private void putHalves(byte[] target, int start) {
            MemorySegment.copy(halves, 0, MemorySegment.ofArray(target), SHORTS, start, halves.length);
        }

        private void refuseOverflow() {
            for (float value : values) {
                if (Float.isFinite(value) && Float.isInfinite(Float.float16ToFloat(Float.floatToFloat16(value)))) {
                    throw refused("holds %s, which is beyond the range of f16; take bf16 or f32".formatted(value));
                }
            }
        }
    }
}
