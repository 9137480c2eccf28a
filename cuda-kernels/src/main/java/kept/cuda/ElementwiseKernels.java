package kept.cuda;

import java.util.Locale;
import kept.backend.Binary;
import kept.backend.Unary;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;

/** Unary and binary elementwise functions with broadcasting. */
final class ElementwiseKernels {
    private static final String BINARY = "binary";
    private static final int LESS = 1;
    private static final int EQUAL = 2;
    private static final int GREATER = 4;
    private static final int UNORDERED = 8;

    private final Gpu gpu;

    ElementwiseKernels(Gpu gpu) {
        this.gpu = gpu;
    }

    void unary(Unary f, Tensor x, Tensor out) {
        if (!f.takes(x.dtype())) {
            throw new DTypeException("[%s] needs a floating dtype; cast first".formatted(f));
        }
        String entry = entry(f, x.dtype());
        Loops.over(out, x).forEach(part -> gpu.launch("unary", entry, part.grid(vector(x.dtype(), x.dtype())))
                .i64(part.address(0)).i64(part.address(1)).longs(part.words()).run());
    }

    void binary(Binary f, Tensor a, Tensor b, Tensor out) {
        Loops loops = Loops.over(out, a, b);
        int vector = vector(out.dtype(), a.dtype());
        if (f.isComparison()) {
            String entry = "compare_" + a.dtype().label() + (out.dtype() == DType.BOOL ? "" : "_to_" + out.dtype().label());
            loops.forEach(part -> launch(entry, part, vector).i32(relations(f)).longs(part.words()).run());
        } else if (f == Binary.DIVIDE && !a.dtype().isFloating()) {
            divide(entry(f, a.dtype()), loops, vector);
        } else {
            loops.forEach(part -> launch(entry(f, a.dtype()), part, vector).longs(part.words()).run());
        }
    }

    /** Adds a BF16 tensor to an F32 tensor. */
    void mixedAdd(Tensor a, Tensor b, Tensor out) {
        Loops.over(out, a, b).forEach(part -> launch("add_f32_bf16", part, vector(out.dtype(), a.dtype())).longs(part.words()).run());
    }

    private Launch launch(String entry, Loops part, int vector) {
        return gpu.launch(BINARY, entry, part.grid(vector)).i64(part.address(0)).i64(part.address(1)).i64(part.address(2));
    }

    /** Integer division synchronizes with the device in order to throw for a zero divisor, as the CPU does. */
    private void divide(String entry, Loops loops, int vector) {
        try (Gpu.Scratch zeros = gpu.scratch(Long.BYTES)) {
            gpu.clear(zeros.address(), Long.BYTES);
            loops.forEach(part -> launch(entry, part, vector).i64(zeros.address()).longs(part.words()).run());
            if (gpu.readLong(zeros.address()) != 0) {
                throw new TensorException("[div] an integer is divided by zero; cast to a floating type for infinities");
            }
        }
    }

    /** Returns the mask of operand relations for which a comparison is true. */
    private static int relations(Binary f) {
        return switch (f) {
            case EQUAL -> EQUAL;
            case NOT_EQUAL -> LESS | GREATER | UNORDERED;
            case LESS -> LESS;
            case LESS_EQUAL -> LESS | EQUAL;
            case GREATER -> GREATER;
            case GREATER_EQUAL -> GREATER | EQUAL;
            default -> throw new IllegalArgumentException("%s is not a comparison".formatted(f));
        };
    }

    void where(Tensor condition, Tensor a, Tensor b, Tensor out) {
        String entry = "where_" + condition.dtype().label() + "_b" + a.dtype().bytes();
        int vector = vector(a.dtype(), condition.dtype());
        Loops.over(out, condition, a, b).forEach(part -> gpu.launch(BINARY, entry, part.grid(vector))
                .i64(part.address(0)).i64(part.address(1)).i64(part.address(2)).i64(part.address(3)).longs(part.words()).run());
    }

    private static String entry(Enum<?> f, DType dtype) {
        return f.name().toLowerCase(Locale.ROOT) + "_" + dtype.label();
    }

    private static int vector(DType one, DType other) {
        return Loops.WIDEST / Math.max(one.bytes(), other.bytes());
    }
}
