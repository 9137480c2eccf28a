package kept.bench.recording;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import kept.backend.Unary;
import kept.bench.recording.Recording.Launch;

/**
 * The work of a launch, derived from the kernel's name and arguments.
 *
 * @param units number of elements of the iteration space, or of pairs of a query and a key that are computed; costs of a kernel are per unit
 * @param bytes least bytes of device memory that are read and written: every operand once
 * @param tensorOperations operations on tensor cores, a multiplication and an addition being two
 */
public record KernelWork(double units, double bytes, double tensorOperations) {
    /** Size of an argument that is an address. */
    private static final int POINTER = 8;
    /** Size of an address with its type. */
    private static final int TYPED = 16;
    private static final int FLOAT = 4;

    private interface Rule {
        KernelWork of(Launch launch, Matcher name);
    }

    private record Kind(Pattern names, Rule rule) {}

    private static final String TYPE = "(f32|bf16|f16|i32|i64|f64|u8|bool)";
    private static final String SIZE = "(b1|b2|b4|b8|b16)";

    private static final String UNARY = Arrays.stream(Unary.values()).map(unary -> unary.name().toLowerCase(Locale.ROOT))
            .collect(Collectors.joining("|", "(?:", ")"));

    /** The kinds of kernels; the first pattern that matches the whole name decides. */
    private static final List<Kind> KINDS = List.of(
            kind("add_f32_bf16", (launch, _) -> StridedWork.of(launch, 3 * POINTER, 4, 4, 2)),
            kind("compare_" + TYPE + "(?:_to_(i32))?", (launch, name) -> StridedWork.of(
                    launch, 4 * POINTER, name.group(2) == null ? 1 : 4, bytes(name, 1), bytes(name, 1))),
            kind("where_" + TYPE + "_" + SIZE,
                    (launch, name) -> StridedWork.of(launch, 4 * POINTER, bytes(name, 2), bytes(name, 1), bytes(name, 2), bytes(name, 2))),
            kind("divide_(i32|i64|u8)", (launch, name) -> StridedWork.of(launch, 4 * POINTER, bytes(name, 1), bytes(name, 1), bytes(name, 1))),
            kind("(?:add|subtract|multiply|divide|minimum|maximum)_" + TYPE,
                    (launch, name) -> StridedWork.of(launch, 3 * POINTER, bytes(name, 1), bytes(name, 1), bytes(name, 1))),
            kind(UNARY + "_" + TYPE, (launch, name) -> StridedWork.of(launch, 2 * POINTER, bytes(name, 1), bytes(name, 1))),
            kind("fill_" + SIZE, (launch, name) -> StridedWork.of(launch, 2 * POINTER, bytes(name, 1))),
            kind("copy_" + SIZE, (launch, name) -> StridedWork.of(launch, 2 * POINTER, bytes(name, 1), bytes(name, 1))),
            kind("cast_" + TYPE + "_to_" + TYPE, (launch, name) -> StridedWork.of(launch, 2 * POINTER, bytes(name, 2), bytes(name, 1))),
            kind("random_(?:uniform|normal)", (launch, _) -> perElement(launch.arguments().longAt(8), FLOAT)),
            kind("check_indices", (launch, _) -> StridedWork.of(launch, 5 * POINTER, (int) launch.arguments().longAt(16))),
            kind("gather_" + SIZE, (launch, name) -> perElement(
                    launch.arguments().longAt(5 * POINTER), 2 * bytes(name, 1) + launch.arguments().longAt(2 * POINTER))),
            // An element and its index are read, and the element is added to another.
            kind("scatter_add_" + TYPE, (launch, name) -> perElement((double) launch.arguments().longAt(8 * POINTER)
                    * launch.arguments().longAt(4 * POINTER), 3 * bytes(name, 1) + launch.arguments().longAt(3 * POINTER))),
            kind("embedding_" + TYPE + "_to_" + TYPE,
                    (launch, name) -> perElement(launch.grid().x() * launch.arguments().longAt(32), bytes(name, 1) + bytes(name, 2))),
            // A gradient row is read and added to a row of the table.
            kind("embedding_gradient", (launch, _) -> perElement(launch.grid().x() * launch.arguments().longAt(32), 3 * FLOAT)),
            // Teacher and student are read, and the gradient overwrites the student.
            kind("distillation_\\w+_rows_f32", (launch, _) -> perElement(rows(launch) * launch.arguments().intAt(40), 3 * FLOAT)),
            kind("cross_entropy_rows_f32", (launch, _) -> perElement(rows(launch) * launch.arguments().intAt(24), 2 * FLOAT)),
            kind("(add_)?(rms|layer)_norm_(f32|bf16|f16)(?:_to_(bf16))?", KernelWork::norm),
            kind("(rms|layer)_norm_any", KernelWork::anyNorm),
            kind("norm_gradient_any", KernelWork::anyNormGradient),
            kind("(rms|layer)_norm_gradient_(f32|bf16|f16)", KernelWork::normGradient),
            kind("add_rms_norm_gradient_f32", KernelWork::addedNormGradient),
            kind("norm_weight_gradient", (launch, _) -> perElement((double) launch.arguments().intAt(16) * launch.arguments().intAt(20), FLOAT)),
            kind("rotary_(?:wide|single)_(f32|bf16|f16)(?:_to_(bf16))?", (launch, name) -> perElement(
                    2 * rows(launch) * launch.arguments().intAt(84) * launch.arguments().intAt(88),
                    bytes(name, 1) + bytes(name, name.group(2) == null ? 1 : 2))),
            kind("rotary_append_(?:wide|single)_(f32|bf16|f16)", (launch, name) -> perElement(2 * rows(launch) * launch.arguments().intAt(188)
                    * (launch.arguments().intAt(180) + 2.0 * launch.arguments().intAt(184)), 2 * bytes(name, 1))),
            kind("swiglu_(?:wide|single)_(f32|bf16|f16)",
                    (launch, name) -> perElement(launch.arguments().longAt(3 * POINTER), 3 * bytes(name, 1))),
            kind("swiglu_backward_(?:wide|single)_(f32|bf16|f16)",
                    (launch, name) -> perElement(launch.arguments().longAt(5 * POINTER), 3 * FLOAT + 2 * bytes(name, 1))),
            kind("swiglu_rounded_(?:wide|single)_(f32|bf16)",
                    (launch, name) -> perElement(launch.arguments().longAt(5 * POINTER), bytes(name, 1) + 4 * 2)),
            kind("softmax_(f32|bf16|f16)", (launch, name) -> perElement(rows(launch) * launch.arguments().longAt(2 * POINTER), 2 * bytes(name, 1))),
            kind("softmax_gradient_(f32|bf16|f16)",
                    (launch, name) -> perElement(rows(launch) * launch.arguments().longAt(3 * POINTER), 3 * bytes(name, 1))),
            kind("log_sum_exp_(f32|bf16|f16)", (launch, name) -> perElement(rows(launch) * launch.arguments().longAt(2 * POINTER), bytes(name, 1))),
            kind("adamw_(coded_)?(f32|bf16|f16)(?:_(bf16))?", KernelWork::adamW),
            kind("squares_of_chunks_(f32|bf16|f64)", (launch, name) -> perElement(launch.arguments().longAt(2 * POINTER), bytes(name, 1))),
            // Least squares in f64.
            kind("widen_rows_f32", (launch, _) -> perElement(launch.arguments().longAt(2 * POINTER), 12)),
            kind("(?:fill|add_to_total)_f64", (launch, _) -> perElement(launch.arguments().longAt(2 * POINTER), 8)),
            kind("(?:select_channels|shift_diagonal)_f64", (launch, _) -> perElement(launch.arguments().longAt(2 * POINTER), 16)),
            kind("select_rows_f32", (launch, _) -> perElement(launch.arguments().longAt(4 * POINTER), 24)),
            kind("cholesky_block_f64", (launch, _) -> perElement(Math.pow(launch.arguments().intAt(2 * POINTER), 2) / 2, 16)),
            kind("solve_(?:transposed|upper)_f64", (launch, _) -> perElement(
                    (double) launch.arguments().intAt(2 * POINTER) * launch.arguments().longAt(5 * POINTER), 16)),
            kind("round_transposed_f64", (launch, _) -> perElement(Math.pow(launch.arguments().longAt(2 * POINTER), 2), 12)),
            kind("total_of_chunks_f64", (launch, _) -> perElement(launch.arguments().longAt(2 * POINTER), 8)),
            kind("(?:sum|maximum|minimum)_by_(?:blocks|threads)_" + TYPE, KernelWork::reduction),
            kind("(?:sum|maximum|minimum)_of_chunks_" + TYPE, (launch, _) -> perElement(
                    (double) launch.arguments().intAt(2 * POINTER) * launch.arguments().longAt(3 * POINTER), FLOAT)),
            kind("arg_max_" + TYPE, (launch, name) -> perElement(rows(launch) * launch.arguments().longAt(2 * POINTER), bytes(name, 1))),
            kind("attention_split_\\d+_rows_\\d_(f32|bf16)", (launch, name) -> AttentionWork.split(launch, bytes(name, 1))),
            kind("attention_combine_\\d+_(f32|bf16)", (launch, name) -> AttentionWork.combine(launch, bytes(name, 1))),
            kind("attention_(delta_|dq_|dkv_|)(?:generic|(\\d+))(?:_warps_\\d)?_(f32|bf16|f16)", AttentionWork::of));

    /**
     * Derives the work of a launch.
     *
     * @param launch recorded launch
     * @return work
     * @throws IllegalArgumentException if the kernel is unknown here
     */
    public static KernelWork of(Launch launch) {
        for (Kind kind : KINDS) {
            Matcher name = kind.names.matcher(launch.kernel());
            if (name.matches()) {
                return kind.rule.of(launch, name);
            }
        }
        throw new IllegalArgumentException("[recording] the work of the kernel %s is unknown: add it to KernelWork".formatted(launch.kernel()));
    }

    /**
     * Returns whether the work of a kernel is known.
     *
     * @param kernel name of the kernel
     * @return true if {@link #of} accepts its launches
     */
    public static boolean isKnown(String kernel) {
        return KINDS.stream().anyMatch(kind -> kind.names.matcher(kernel).matches());
    }

    private static Kind kind(String names, Rule rule) {
        return new Kind(Pattern.compile(names), rule);
    }

    private static int bytes(Matcher name, int group) {
        return switch (name.group(group)) {
            case "u8", "bool", "b1" -> 1;
            case "bf16", "f16", "b2" -> 2;
            case "f32", "i32", "b4" -> 4;
            case "b16" -> 16;
            default -> 8;
        };
    }

    /** One block per row. */
    private static double rows(Launch launch) {
        return launch.grid().x();
    }

    static KernelWork perElement(double elements, double bytes) {
        return new KernelWork(elements, elements * bytes, 0);
    }

    private static KernelWork norm(Launch launch, Matcher name) {
        boolean adds = name.group(1) != null;
        boolean layer = name.group(2).equals("layer");
        // Output, statistics, sum, x and branch are addresses; weight and bias have their type as well.
        int at = POINTER * (layer ? 4 : 3) + (adds ? 2 * POINTER : 0) + TYPED * (layer ? 2 : 1);
        double elements = (double) launch.arguments().longAt(at) * launch.arguments().intAt(at + 8);
        int in = bytes(name, 3);
        int out = name.group(4) == null ? adds ? FLOAT : in : bytes(name, 4);
        return perElement(elements, adds ? 2 * FLOAT + in + out : in + out);
    }

    /** The dtypes of operands that are told by a number. */
    private static int typeBytes(Launch launch, int at) {
        return launch.arguments().longAt(at) == 0 ? FLOAT : 2;
    }

    private static KernelWork anyNorm(Launch launch, Matcher name) {
        boolean layer = name.group(1).equals("layer");
        int x = TYPED + POINTER * (layer ? 2 : 1);
        int width = launch.arguments().intAt(x + TYPED * (layer ? 3 : 2));
        return perElement(rows(launch) * width, typeBytes(launch, POINTER) + typeBytes(launch, x + POINTER));
    }

    private static KernelWork anyNormGradient(Launch launch, Matcher name) {
        int x = 4 * POINTER;
        int at = x + 2 * TYPED + 2 * POINTER;
        return perElement((double) launch.arguments().longAt(at) * launch.arguments().intAt(at + 8), 2 * FLOAT + typeBytes(launch, x + POINTER));
    }

    private static KernelWork normGradient(Launch launch, Matcher name) {
        boolean layer = name.group(1).equals("layer");
        int at = POINTER * (layer ? 5 : 4) + TYPED + POINTER * (layer ? 2 : 1);
        int width = launch.arguments().intAt(at + 8);
        double elements = (double) launch.arguments().longAt(at) * width;
        double sums = (double) launch.grid().x() * launch.grid().threadsY() * width * (layer ? 2 : 1) * FLOAT;
        return new KernelWork(elements, elements * (2 * FLOAT + bytes(name, 2)) + sums, 0);
    }

    /** The gradient and x are read, the stream's gradient is added to and stored in BF16 as well. */
    private static KernelWork addedNormGradient(Launch launch, Matcher name) {
        int at = 5 * POINTER + TYPED + POINTER;
        int width = launch.arguments().intAt(at + 8);
        double elements = (double) launch.arguments().longAt(at) * width;
        double sums = (double) launch.grid().x() * launch.grid().threadsY() * width * FLOAT;
        return new KernelWork(elements, elements * (4 * FLOAT + 2) + sums, 0);
    }

    private static KernelWork adamW(Launch launch, Matcher name) {
        // 8-bit moments have a scale of 4 bytes per 256 values.
        double moments = name.group(1) == null ? 2 * FLOAT : 2 * (1 + 4 / 256.0);
        int gradient = name.group(3) == null ? FLOAT : bytes(name, 3);
        return perElement(launch.arguments().longAt(4 * POINTER), 2 * (bytes(name, 2) + moments) + gradient);
    }

    private static KernelWork reduction(Launch launch, Matcher name) {
        int results = 4 * POINTER;
        double elements = (double) launch.arguments().longAt(results) * launch.arguments().longAt(results + StridedWork.wordBytes(2));
        return perElement(elements, bytes(name, 1));
    }
}
