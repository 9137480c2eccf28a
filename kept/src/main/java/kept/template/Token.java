package kept.template;

/**
 * A piece of a template.
 *
 * @param kind what it is
 * @param text its text; of operators the operator, of strings their value, of numbers their digits
 * @param line the line it begins in, from 1
 */
record Token(Kind kind, String text, int line) {
    /** What pieces there are. */
    enum Kind { DATA, BLOCK_BEGIN, BLOCK_END, VARIABLE_BEGIN, VARIABLE_END, NAME, STRING, INTEGER, FLOAT, OPERATOR, END }

    boolean is(Kind other) {
        return kind == other;
    }

    boolean isName(String name) {
        return kind == Kind.NAME && text.equals(name);
    }

    boolean isOperator(String operator) {
        return kind == Kind.OPERATOR && text.equals(operator);
    }

    /** How messages call it. */
    String description() {
        return switch (kind) {
            case BLOCK_END -> "end of statement block";
            case VARIABLE_END -> "end of print statement";
            case BLOCK_BEGIN -> "begin of statement block";
            case VARIABLE_BEGIN -> "begin of print statement";
            case DATA -> "template text";
            case END -> "end of template";
            case STRING -> "string";
            default -> text;
        };
    }
}
