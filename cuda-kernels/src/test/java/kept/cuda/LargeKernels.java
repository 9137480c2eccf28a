package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * The tests that run each kernel on large operands. As an extension of these tests it checks that a test has launched the kernels that are listed
 * for it.
 */
final class LargeKernels implements BeforeEachCallback, AfterEachCallback {
    /**
     * The kernels of one template, which compute the place of an element in the same way for all types.
     *
     * @param names regular expression of their names
     * @param test class and method of the test that launches one of them; null if there is none
     * @param reason why there is none
     */
    record Row(Pattern names, String test, String reason) {
        boolean has(String kernel) {
            return names.matcher(kernel).matches();
        }
    }

    private static final String TYPES = "_(f32|bf16|f16|i32|i64|u8|bool)";
    private static final String ELEMENTS = "LargeElementsTest.";
    private static final String ELEMENT_PARTS = "LargeElementPartsTest.";
    private static final String ROWS = "LargeRowsTest.";
    private static final String ROW_PARTS = "LargeRowPartsTest.";
    private static final String LIMITS = "LargeLimitsTest.";
    private static final String DENSE = ELEMENTS + "denseOperandsOfMoreThanTwoToThe32Elements";
    private static final String STRIDED = ELEMENTS + "stridedOperandsOfMoreThanTwoToThe31Elements";
    private static final String TABLES = ELEMENTS + "rowsOfTablesWithMoreThanTwoToThe31Elements";
    private static final String SUMS = ELEMENTS + "sumsIntoTablesWithMoreThanTwoToThe31Elements";
    private static final String OPTIMIZER = ELEMENTS + "anOptimizerStepOfMoreThanTwoToThe31Parameters";
    private static final String REDUCTIONS = ELEMENTS + "reductionsOfMoreThanTwoToThe31Elements";
    private static final String SEQUENCES = ROWS + "attentionOfMoreSequencesThanAGridHasBlocksAlongZ";
    private static final String NORM_GRADIENTS = ROW_PARTS + "gradientsOfNormsInTwoTurns";
    private static final String DIVERGENCES = ROW_PARTS + "gradientsOfSoftmaxAndOtherDivergences";
    private static final String SWIGLU = ROW_PARTS + "roundedGradientsOfSwiGluAndSingleElements";
    private static final String SPLIT = ROW_PARTS + "attentionThatSharesTheKeysOfAHead";
    private static final String SQUARES = ELEMENT_PARTS + "sumsOfSquaresOfChunks";
    private static final String LEAST_SQUARES = ELEMENT_PARTS + "elementsOfLeastSquares";
    private static final String WIDEST = ELEMENT_PARTS + "theWidestMatrixOfLeastSquares";
    private static final String FAR_ROWS = ELEMENT_PARTS + "factorsAndSolutionsWithRowsThatLieFarApart";

    /** All rows. */
    static final List<Row> ROWS_OF_ALL = List.of(
            test("(abs|ceil|cos|erf|exp|floor|gelu|gelu_tanh|log|negate|relu|round|rsqrt|sigmoid|sign|silu|sin|sqrt|tanh)" + TYPES, DENSE),
            test("(add|divide|maximum|minimum|multiply|subtract)" + TYPES, DENSE),
            test("compare" + TYPES + "(_to_i32)?", DENSE),
            test("add_f32_bf16", DENSE),
            test("where_(bool|i32)_b[1248]", DENSE),
            test("cast" + TYPES + "_to" + TYPES, DENSE),
            test("fill_b(1|2|4|8|16)", DENSE),
            test("copy_b(1|2|4|8|16)", STRIDED),
            test("random_(uniform|normal)", ELEMENT_PARTS + "randomNumbers"),
            test("embedding" + TYPES + "_to" + TYPES, TABLES),
            test("gather_b[1248]", TABLES),
            test("check_indices", TABLES),
            test("embedding_gradient", SUMS),
            test("scatter_add" + TYPES, SUMS),
            test("(sum|maximum|minimum)_by_threads" + TYPES, REDUCTIONS),
            test("(sum|maximum|minimum)_by_blocks" + TYPES, ELEMENT_PARTS + "chunksOfReductions"),
            reason("(sum|maximum|minimum)_of_chunks" + TYPES, "joins at most 2^16 numbers of all results"),
            test("arg_max" + TYPES, LIMITS + "moreResultsThanAGridHasBlocksTakeSeveralLaunches"),
            test("adamw(_bf16|_f16|_f32)(_bf16)?", OPTIMIZER),
            test("adamw_coded(_bf16|_f16|_f32)(_bf16)?", OPTIMIZER),
            test("squares_of_chunks_(bf16|f32)", SQUARES),
            test("squares_of_chunks_f64", SQUARES),
            reason("total_of_chunks_f64", "adds a number for each 2^16 elements; 2^31 of them are of 2^47 elements"),
            test("(rms_norm|layer_norm)(_f32|_bf16|_f16|_f32_to_bf16)", ROWS + "norms"),
            test("(rms_norm|layer_norm)_any", ROWS + "norms"),
            test("add_(rms_norm|layer_norm)(_f32|_bf16)(_to_bf16)?", ROWS + "norms"),
            test("(rms_norm|layer_norm)_gradient_(f32|bf16|f16)", NORM_GRADIENTS),
            test("add_rms_norm_gradient_f32", NORM_GRADIENTS),
            test("norm_gradient_any", NORM_GRADIENTS),
            test("norm_weight_gradient", ROW_PARTS + "sumsOfNormsGradients"),
            test("softmax_(f32|bf16|f16)", ROWS + "softmaxAndLossesOfLogits"),
            test("log_sum_exp_(f32|bf16|f16)", ROWS + "softmaxAndLossesOfLogits"),
            test("softmax_gradient_(f32|bf16|f16)", DIVERGENCES),
            test("cross_entropy_rows_f32", ROWS + "softmaxAndLossesOfLogits"),
            test("distillation_forward_rows_f32", ROWS + "softmaxAndLossesOfLogits"),
            test("distillation_reverse_rows_f32", DIVERGENCES),
            test("distillation_jensen_shannon_rows_f32", DIVERGENCES),
            test("rotary_(wide|single)_(f32|bf16|f16|f32_to_bf16)", ROWS + "rotaryEmbedding"),
            test("rotary_append_(wide|single)_(f32|bf16|f16)", ROW_PARTS + "rotationsIntoCaches"),
            test("swiglu_(wide|single)_(f32|bf16|f16)", ROWS + "swiGlu"),
            test("swiglu_backward_(wide|single)_(f32|bf16|f16)", ROWS + "swiGlu"),
            test("swiglu_rounded_wide_(f32|bf16)", SWIGLU),
            test("swiglu_rounded_single_(f32|bf16)", SWIGLU),
            test("attention_(64|80|96|128)_bf16", SEQUENCES),
            test("attention_delta_(64|80|96|128)_bf16", SEQUENCES),
            test("attention_dkv_(64|80|96|128)_warps_[48]_bf16", SEQUENCES),
            test("attention_dq_(64|80|96|128)_warps_[48]_bf16", SEQUENCES),
            test("attention_generic_(f32|bf16|f16)", SEQUENCES),
            test("attention_delta_generic_(f32|bf16|f16)", SEQUENCES),
            test("attention_dkv_generic_(f32|bf16|f16)", ROWS + "gradientsOfMoreTokensThan32BitsCount"),
            test("attention_dq_generic_(f32|bf16|f16)", ROWS + "gradientsOfMoreTokensThan32BitsCount"),
            test("attention_split_(64|128|256)_rows_[14]_(f32|bf16)", SPLIT),
            test("attention_combine_(128|256)_(f32|bf16)", SPLIT),
            test("widen_rows_f32", LEAST_SQUARES),
            test("fill_f64", LEAST_SQUARES),
            test("select_channels_f64", LEAST_SQUARES),
            test("select_rows_f32", LEAST_SQUARES),
            test("shift_diagonal_f64", WIDEST),
            test("add_to_total_f64", WIDEST),
            test("round_transposed_f64", WIDEST),
            test("cholesky_block_f64", FAR_ROWS),
            test("solve_(transposed|upper)_f64", FAR_ROWS));

    private static Row test(String names, String test) {
        return new Row(Pattern.compile(names), test, null);
    }

    private static Row reason(String names, String reason) {
        return new Row(Pattern.compile(names), null, reason);
    }

    @Override
    public void beforeEach(ExtensionContext context) {
        SizedCudaProvider.largeGpu().forgetKernels();
    }

    @Override
    public void afterEach(ExtensionContext context) {
        Set<String> launched = SizedCudaProvider.largeGpu().kernels();
        String name = context.getRequiredTestClass().getSimpleName() + "." + context.getRequiredTestMethod().getName();
        for (Row row : ROWS_OF_ALL) {
            if (name.equals(row.test()) && context.getExecutionException().isEmpty()) {
                assertThat(launched).as("kernels of %s", name).anyMatch(row::has);
            }
        }
    }
}
