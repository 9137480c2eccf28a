package kept.cuda;

import java.lang.foreign.MemorySegment;
import java.util.List;
import kept.backend.AdamWStep;
import kept.backend.BlockCodes;
import kept.cuda.driver.Grid;
import kept.tensor.DType;
import kept.tensor.Tensor;

/** AdamW and the sum of squares of gradients. */
final class OptimizerKernels {
    private static final String MODULE = "optimizer";
    private static final int THREADS = 256;
    private static final int WARP = 32;
    /** Elements per thread of AdamW in one step of its grid-stride loop. */
    private static final int VECTOR = 4;
    /** Resident blocks per multiprocessor. */
    private static final int BLOCKS_PER_MULTIPROCESSOR = 8;
    /** The same with 8-bit moments: as many as registers allow at once, since each block loads the tables of the codes. */
    private static final int CODED_BLOCKS = 4;
    /** Elements per block of the sum of squares. */
    static final int CHUNK = 1 << 16;
    private static final int PHILOX_ROUNDS = 10;
    /** Elements that a block of random bits serves. */
    private static final int PHILOX_ELEMENTS = 8;
    private static final int[] PHILOX_STEPS = {0x9e3779b9, 0xbb67ae85};
    private static final int TOTAL_THREADS = 1024;

    private final Gpu gpu;

    OptimizerKernels(Gpu gpu) {
        this.gpu = gpu;
    }

    void adamW(AdamWStep step, Tensor parameter, Tensor gradient, Tensor firstMoment, Tensor secondMoment) {
        long count = parameter.elementCount();
        if (count == 0) {
            return;
        }
        AdamWStep.Factors factors = step.factors();
        boolean coded = firstMoment.dtype() == DType.I32;
        String entry = (coded ? "adamw_coded_" : "adamw_") + parameter.dtype().label() + (gradient.dtype() == DType.BF16 ? "_bf16" : "");
        AdamWStep.Rounding rounding = step.rounding();
        Launch launch = gpu.launch(MODULE, entry, coded ? blocks(Math.ceilDiv(count, BlockCodes.BLOCK), THREADS / WARP, CODED_BLOCKS)
                : blocks(Math.ceilDiv(count, VECTOR), THREADS, BLOCKS_PER_MULTIPROCESSOR))
                .pointer(parameter).pointer(gradient).pointer(firstMoment).pointer(secondMoment).i64(count)
                .f32(factors.gradientScale()).f32(factors.beta1()).f32(factors.rest1()).f32(factors.beta2()).f32(factors.rest2())
                .f32(factors.keep()).f32(factors.rate()).f32(factors.rootFactor())
                .f32(factors.epsilon()).i32(rounding.stochastic() ? 1 : 0).i64(rounding.stream())
                .i64(rounding.first() / PHILOX_ELEMENTS).longs(roundKeys(rounding.seed()));
        (coded ? launch.i64(gpu.constant("codes", CodeTables::words)) : launch).run();
    }

    /** The keys of the rounds of Philox4x32, two words in each long: the first of all rounds, then the second. */
    private static long[] roundKeys(long seed) {
        long[] keys = new long[PHILOX_ROUNDS];
        for (int i = 0; i < 2; i++) {
            int key = (int) (seed >>> 32 * i);
            for (int round = 0; round < PHILOX_ROUNDS; round++, key += PHILOX_STEPS[i]) {
                int word = i * PHILOX_ROUNDS + round;
                keys[word / 2] |= Integer.toUnsignedLong(key) << 32 * (word % 2);
            }
        }
        return keys;
    }

    /** Elements are independent, so the result does not depend on the number of blocks. */
    private Grid blocks(long pieces, int blockPieces, int perMultiprocessor) {
        return Grid.of(Math.min(Math.ceilDiv(pieces, blockPieces), (long) gpu.multiprocessors() * perMultiprocessor), THREADS);
    }

    double sumOfSquares(List<Tensor> tensors) {
        long chunks = chunks(tensors);
        if (chunks == 0) {
            return 0;
        }
        // The first double is the total; the sums of the chunks follow.
        try (Gpu.Scratch sums = gpu.scratch((1 + chunks) * Double.BYTES)) {
            squares(tensors, sums.address() + Double.BYTES);
            return total(sums, chunks);
        }
    }

    double[] squaresOfChunks(List<Tensor> tensors) {
        double[] values = new double[Math.toIntExact(chunks(tensors))];
        if (values.length > 0) {
            try (Gpu.Scratch sums = gpu.scratch((long) values.length * Double.BYTES)) {
                squares(tensors, sums.address());
                MemorySegment host = MemorySegment.ofArray(values);
                gpu.download(sums.address(), host);
            }
        }
        return values;
    }

    double sumOfChunks(double... chunks) {
        if (chunks.length == 0) {
            return 0;
        }
        try (Gpu.Scratch sums = gpu.scratch((1L + chunks.length) * Double.BYTES)) {
            gpu.upload(MemorySegment.ofArray(chunks), sums.address() + Double.BYTES);
            return total(sums, chunks.length);
        }
    }

    private static long chunks(List<Tensor> tensors) {
        return tensors.stream().mapToLong(tensor -> Math.ceilDiv(tensor.elementCount(), CHUNK)).sum();
    }

    /** Writes the sums of the chunks of all tensors, one after another. */
    private void squares(List<Tensor> tensors, long address) {
        long next = address;
        for (Tensor tensor : tensors) {
            long count = tensor.elementCount();
            long blocks = Math.ceilDiv(count, CHUNK);
            if (blocks > 0) {
                gpu.launch(MODULE, "squares_of_chunks_" + tensor.dtype().label(), Grid.of(blocks, THREADS))
                        .pointer(tensor).i64(next).i64(count).i32(CHUNK)
                        .run();
                next += blocks * Double.BYTES;
            }
        }
    }

    /** The total of the sums that follow the first double, which receives it. */
    private double total(Gpu.Scratch sums, long chunks) {
        gpu.launch(MODULE, "total_of_chunks_f64", Grid.of(1, TOTAL_THREADS))
                .i64(sums.address() + Double.BYTES).i64(sums.address()).i64(chunks)
                .run();
        return Double.longBitsToDouble(gpu.readLong(sums.address()));
    }
}
