package kept.template;

/**
 * A token of a template.
 *
 * @param kind what it is
 * @param text its text: an operator, the value of a string, the digits of a number
 * @param line the line it starts in, from 1
 */
record Token(Kind kind, String text, int line) {
    /** The kinds of tokens. */
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

    /** Its name in messages. */
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
