package kept.cuda.virtual;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import kept.cuda.virtual.PtxModule.Statement;

/**
 * Finds sums of products that the assembler may fuse or not, because neither has a rounding mode: their bits are those of no definition. A product
 * or a sum with {@code .rn} is never fused.
 */
final class Fusing {
    private static final String TYPE = "(?:\\.ftz)?(?:\\.sat)?\\.(?:f32|f64|f16|f16x2|bf16|bf16x2|f32x2)";
    private static final Pattern PRODUCT = Pattern.compile("mul" + TYPE);
    private static final Pattern SUM = Pattern.compile("(?:add|sub)" + TYPE);
    private static final Pattern MOVE = Pattern.compile("mov\\.[bf](?:16|32|64)");

    private Fusing() {}

    /** Throws a fault if a sum of the function has an operand that a product may have written. */
    static void check(String file, PtxModule.Function function) {
        Map<String, Statement> products = new HashMap<>();
        int before;
        do {
            before = products.size();
            for (Statement statement : function.statements()) {
                if (PRODUCT.matcher(statement.opcode()).matches()) {
                    products.putIfAbsent(name(statement.operands().getFirst()), statement);
                } else if (MOVE.matcher(statement.opcode()).matches()) {
                    Statement product = products.get(name(statement.operands().getLast()));
                    if (product != null) {
                        products.putIfAbsent(name(statement.operands().getFirst()), product);
                    }
                }
            }
        } while (products.size() > before);
        for (Statement statement : function.statements()) {
            if (SUM.matcher(statement.opcode()).matches()) {
                List<Operand> operands = statement.operands();
                for (Operand operand : operands.subList(1, operands.size())) {
                    if (products.containsKey(name(operand))) {
                        throw fault(file, function, statement, products.get(name(operand)));
                    }
                }
            }
        }
    }

    private static String name(Operand operand) {
        return operand instanceof Operand.Register register ? register.name() : "";
    }

    private static KernelFault fault(String file, PtxModule.Function function, Statement sum, Statement product) {
        return new KernelFault(("kernel %s, %s:%d: `%s` adds the product of line %d, `%s`, and neither has a rounding mode: "
                + "the assembler may fuse them").formatted(function.name(), file, sum.line(), sum.text(), product.line(), product.text()));
    }
}
