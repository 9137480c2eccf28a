package kept.cuda;

import java.util.Locale;
import kept.backend.Distribution;
import kept.cuda.driver.Grid;
import kept.tensor.Bfloat16;
import kept.tensor.DType;
import kept.tensor.Tensor;

/** Fills, random numbers, and strided copies with or without a conversion of the dtype. */
final class CreationKernels {
    private static final String MODULE = "creation";
    /** Random numbers per thread: one Philox4x32 block. */
    private static final long PHILOX_BLOCK = 4;

    private final Gpu gpu;

    CreationKernels(Gpu gpu) {
        this.gpu = gpu;
    }

    void fill(Tensor out, double value) {
        long unit = bits(out.dtype(), value);
        for (int size = out.dtype().bytes(); size < Long.BYTES; size *= 2) {
            unit |= unit << Byte.SIZE * size;
        }
        long pattern = unit;
        Loops loops = Loops.over(out);
        if (pattern == 0 && loops.isDense()) {
            gpu.clear(loops.address(0), loops.count() * out.dtype().bytes());
            return;
        }
        long inUnits = loops.rank() == 1 ? loops.count() - loops.count() % (Loops.WIDEST / out.dtype().bytes()) : 0;
        if (loops.isDense() && inUnits > 0) {
            loops.part(0, inUnits).widened().forEach(part -> fill(part, pattern));
            loops.part(inUnits, loops.count()).forEach(part -> fill(part, pattern));
        } else {
            loops.widened().forEach(part -> fill(part, pattern));
        }
    }

    private void fill(Loops loops, long pattern) {
        gpu.launch(MODULE, "fill_b" + loops.unitBytes(), loops.grid(1)).i64(loops.address(0)).i64(pattern).longs(loops.words()).run();
    }

    /** Returns the bits of an element in the low bits of a long; the high bits are 0. */
    private static long bits(DType dtype, double value) {
        return switch (dtype) {
            case F32 -> Integer.toUnsignedLong(Float.floatToRawIntBits((float) value));
            case BF16 -> Short.toUnsignedLong(Bfloat16.of((float) value));
            case F16 -> Short.toUnsignedLong(Float.floatToFloat16((float) value));
            case I32 -> Integer.toUnsignedLong((int) value);
            case I64 -> (long) value;
            case U8 -> Math.clamp((long) value, 0, 255);
            case BOOL -> value != 0 ? 1 : 0;
            case F64 -> throw new IllegalArgumentException("[fill] not supported for dtype " + dtype.label());
        };
    }

    void random(Distribution distribution, long seed, long stream, Tensor out) {
        long count = out.elementCount();
        if (count > 0) {
            Grid grid = Grid.of(Math.ceilDiv(count, PHILOX_BLOCK * Loops.THREADS), Loops.THREADS);
            gpu.launch(MODULE, "random_" + distribution.name().toLowerCase(Locale.ROOT), grid).pointer(out).i64(count).i64(seed).i64(stream).run();
        }
    }

    void copy(Tensor x, Tensor out) {
        Loops loops = Loops.over(out, x);
        if (x.dtype() == out.dtype()) {
            if (loops.rank() <= 1 && loops.step(0) == 1 && loops.step(1) == 1) {
                gpu.copy(loops.address(1), loops.address(0), loops.count() * x.dtype().bytes());
            } else {
                loops.widened().forEach(this::copy);
            }
            return;
        }
        String entry = "cast_" + x.dtype().label() + "_to_" + out.dtype().label();
        int vector = Loops.WIDEST / Math.max(x.dtype().bytes(), out.dtype().bytes());
        loops.forEach(part -> gpu.launch(MODULE, entry, part.grid(vector)).i64(part.address(0)).i64(part.address(1)).longs(part.words()).run());
    }

    private void copy(Loops loops) {
        gpu.launch(MODULE, "copy_b" + loops.unitBytes(), loops.grid(1)).i64(loops.address(0)).i64(loops.address(1)).longs(loops.words()).run();
    }
}
