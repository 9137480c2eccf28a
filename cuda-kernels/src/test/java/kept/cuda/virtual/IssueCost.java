package kept.cuda.virtual;

import java.util.List;
import kept.cuda.driver.Pipe;

/**
 * The machine instructions that a PTX instruction becomes: their pipe and their number. Most become one. Moves between registers, parameters and the
 * sign of an operand become part of other instructions; 64-bit integers take two; divisions and rounded roots are short programs, whose lengths are
 * those of NVIDIA's assembler for sm_80, rounded.
 *
 * @param pipe pipe that most of them use
 * @param count number of machine instructions
 */
record IssueCost(Pipe pipe, int count) {
    private static final int FLOAT_DIVISION = 10;
    private static final int FLOAT_ROOT = 8;
    private static final int APPROXIMATE_DIVISION = 3;
    private static final int DOUBLE_DIVISION = 25;
    private static final int INTEGER_DIVISION = 20;
    private static final int LONG_DIVISION = 70;
    private static final int LONG_PRODUCT = 4;

    /** Returns the cost of a statement of PTX. */
    static IssueCost of(String text) {
        String[] words = text.trim().replaceFirst("^@!?%\\S+\\s+", "").split("[\\s;]+", 2);
        List<String> opcode = List.of(words[0].split("\\."));
        String type = opcode.getLast();
        boolean isLong = type.matches("[bsu]64");
        return switch (opcode.getFirst()) {
            case "ld", "ldu", "st" -> opcode.contains("param") ? new IssueCost(Pipe.MEMORY, 0) : new IssueCost(Pipe.MEMORY, 1);
            case "atom", "red", "ldmatrix", "cp", "prefetch", "membar", "fence" -> new IssueCost(Pipe.MEMORY, 1);
            case "mma", "wmma" -> new IssueCost(Pipe.TENSOR, 1);
            case "bra", "brx", "bar", "barrier", "ret", "exit", "call", "trap", "nanosleep" -> new IssueCost(Pipe.CONTROL, 1);
            case "shfl", "vote", "match", "redux", "movmatrix" -> new IssueCost(Pipe.WARP, 1);
            case "ex2", "lg2", "sin", "cos", "tanh" -> new IssueCost(Pipe.SPECIAL, 1);
            case "rcp", "sqrt", "rsqrt" -> opcode.contains("approx") ? new IssueCost(Pipe.SPECIAL, 1)
                    : type.equals("f64") ? new IssueCost(Pipe.DOUBLE, DOUBLE_DIVISION) : new IssueCost(Pipe.FLOAT, FLOAT_ROOT);
            case "div", "rem" -> division(opcode, type, isLong);
            // Packing and unpacking of registers is an instruction; zeroing the upper half is not.
            case "mov" -> new IssueCost(Pipe.INTEGER, words.length > 1 && words[1].contains("{") ? 1 : 0);
            // The upper half of a 64-bit integer is a register.
            case "shr" -> new IssueCost(Pipe.INTEGER, !isLong ? 1 : words[1].replaceFirst(";.*", "").endsWith(", 32") ? 0 : 2);
            case "cvta", "neg", "abs", "copysign" -> new IssueCost(Pipe.INTEGER, isLong ? 2 : type.matches("[bsu]32") ? 1 : 0);
            case "cvt" -> conversion(opcode, type);
            case "mul", "mad" -> type.startsWith("f") || type.startsWith("bf") ? floating(type)
                    : new IssueCost(Pipe.INTEGER, isLong && !opcode.contains("wide") ? LONG_PRODUCT : 1);
            default -> type.startsWith("f") || type.startsWith("bf") ? comparisonOrSum(opcode.getFirst(), type)
                    : new IssueCost(Pipe.INTEGER, isLong ? 2 : 1);
        };
    }

    private static IssueCost floating(String type) {
        return new IssueCost(type.equals("f64") ? Pipe.DOUBLE : Pipe.FLOAT, 1);
    }

    private static IssueCost comparisonOrSum(String operation, String type) {
        boolean compares = List.of("setp", "set", "selp", "min", "max", "testp").contains(operation);
        return compares && !type.equals("f64") ? new IssueCost(Pipe.INTEGER, 1) : floating(type);
    }

    private static IssueCost division(List<String> opcode, String type, boolean isLong) {
        if (type.equals("f64")) {
            return new IssueCost(Pipe.DOUBLE, DOUBLE_DIVISION);
        }
        if (type.equals("f32")) {
            return opcode.contains("approx") ? new IssueCost(Pipe.SPECIAL, APPROXIMATE_DIVISION) : new IssueCost(Pipe.FLOAT, FLOAT_DIVISION);
        }
        return new IssueCost(Pipe.INTEGER, isLong ? LONG_DIVISION : INTEGER_DIVISION);
    }

    private static IssueCost conversion(List<String> opcode, String type) {
        String from = type;
        String to = opcode.get(opcode.size() - 2);
        if (from.matches("[bsu]\\d+") && to.matches("[bsu]\\d+")) {
            // Integers: extending with zeros and truncating is free.
            return new IssueCost(Pipe.INTEGER, from.startsWith("s") && !to.matches("[bsu](8|16|32)") ? 1 : 0);
        }
        return new IssueCost(Pipe.CONVERSION, 1);
    }
}
