package kept.cuda.virtual;

import java.util.Arrays;
import kept.cuda.driver.Grid;

/**
 * Test helper: runs one instruction on many sets of operands, one per thread. Kinds of operands: W a word, H a 16-bit register, F an f32, L a long, D
 * an f64, P a predicate. All values are passed as bits in longs.
 */
final class Snippet {
    private static final String HEADER = """
            .version 7.0
            .target sm_80
            .address_size 64
            """;

    private Snippet() {}

    /** Runs {@code opcode d, a, b, c, immediates;} for each set of operands. */
    static long[] run(String opcode, String kinds, String immediates, long[]... operands) {
        int cases = operands.length == 0 ? 1 : operands[0].length;
        var text = new StringBuilder();
        var instruction = new StringBuilder(opcode + " " + register(kinds.charAt(0), 0));
        for (int i = 0; i < operands.length; i++) {
            char kind = kinds.charAt(i + 1);
            text.append("ld.param.u64 %rd20, [in").append(i).append("];\nmad.wide.u32 %rd21, %r31, 8, %rd20;\n");
            text.append(load(kind, i + 1));
            instruction.append(", ").append(register(kind, i + 1));
        }
        text.append(instruction).append(immediates.isEmpty() ? "" : ", " + immediates).append(";\n");
        return body(text.toString(), kinds.charAt(0), cases, operands);
    }

    static long[] run(String opcode, String kinds, long[]... operands) {
        return run(opcode, kinds, "", operands);
    }

    /** Returns the result for one set of operands. */
    static long one(String opcode, String kinds, long... operands) {
        return run(opcode, kinds, Arrays.stream(operands).mapToObj(a -> new long[] {a}).toArray(long[][]::new))[0];
    }

    /** Runs statements in the threads of one block; register 0 of the kind is the result, {@code %r31} the index of the thread. */
    static long[] statements(String statements, char kind, int threads) {
        return body(statements, kind, threads);
    }

    private static long[] body(String statements, char kind, int threads, long[]... operands) {
        var text = new StringBuilder(HEADER + ".visible .entry test(.param .u64 out");
        for (int i = 0; i < operands.length; i++) {
            text.append(", .param .u64 in").append(i);
        }
        text.append("""
                ) {
                .reg .pred %p<20>; .reg .b16 %rs<20>; .reg .b32 %r<40>; .reg .f32 %f<20>; .reg .b64 %rd<40>; .reg .f64 %fd<20>;
                .shared .align 16 .b8 smem[4096];
                mov.u32 %r31, %tid.x;
                """);
        text.append(statements);
        text.append("ld.param.u64 %rd20, [out];\nmad.wide.u32 %rd21, %r31, 8, %rd20;\n").append(store(kind)).append("ret;\n}\n");
        var device = new Device();
        long kernel = device.kernel("snippet", text.toString(), "test");
        var arguments = new Number[operands.length + 1];
        long out = device.upload(new long[threads]);
        arguments[0] = out;
        for (int i = 0; i < operands.length; i++) {
            arguments[i + 1] = device.upload(operands[i]);
        }
        device.launch(kernel, Grid.of(1, threads), 0, arguments);
        return device.longs(out, threads);
    }

    private static String register(char kind, int number) {
        return switch (kind) {
            case 'W' -> "%r";
            case 'H' -> "%rs";
            case 'F' -> "%f";
            case 'L' -> "%rd";
            case 'D' -> "%fd";
            case 'P' -> "%p";
            default -> throw new IllegalArgumentException("kind " + kind);
        } + number;
    }

    private static String load(char kind, int number) {
        return switch (kind) {
            case 'P' -> "ld.global.u32 %r30, [%rd21];\nsetp.ne.u32 %p" + number + ", %r30, 0;\n";
            case 'W' -> "ld.global.b32 %r" + number + ", [%rd21];\n";
            case 'H' -> "ld.global.b16 %rs" + number + ", [%rd21];\n";
            case 'F' -> "ld.global.f32 %f" + number + ", [%rd21];\n";
            case 'L' -> "ld.global.b64 %rd" + number + ", [%rd21];\n";
            default -> "ld.global.f64 %fd" + number + ", [%rd21];\n";
        };
    }

    private static String store(char kind) {
        return switch (kind) {
            case 'P' -> "selp.u32 %r30, 1, 0, %p0;\nst.global.u32 [%rd21], %r30;\n";
            case 'W' -> "st.global.b32 [%rd21], %r0;\n";
            case 'H' -> "st.global.b16 [%rd21], %rs0;\n";
            case 'F' -> "st.global.f32 [%rd21], %f0;\n";
            case 'L' -> "st.global.b64 [%rd21], %rd0;\n";
            default -> "st.global.f64 [%rd21], %fd0;\n";
        };
    }

    /** Returns the bits of f32 values. */
    static long[] floats(float... values) {
        long[] bits = new long[values.length];
        for (int i = 0; i < bits.length; i++) {
            bits[i] = Float.floatToRawIntBits(values[i]) & 0xffffffffL;
        }
        return bits;
    }
}
