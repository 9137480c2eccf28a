package kept.template;

import java.util.List;

/** The tokens of a template, one after the other, and how deep the parser is in them. */
final class TokenStream {
    /** Parentheses and the like within each other. */
    private static final int DEEPEST_EXPRESSION = 100;
    /** Blocks within each other: about as many as Python, to which Jinja2 compiles, allows. */
    private static final int DEEPEST_BLOCK = 100;

    private final List<Token> tokens;
    private int next;
    private int expressionDepth;
    private int blockDepth;

    TokenStream(List<Token> tokens) {
        this.tokens = tokens;
    }

    Token current() {
        return tokens.get(next);
    }

    Token look() {
        return tokens.get(Math.min(next + 1, tokens.size() - 1));
    }

    int line() {
        return current().line();
    }

    /** Gives the current token and goes on. */
    Token take() {
        Token token = current();
        if (!token.is(Token.Kind.END)) {
            next++;
        }
        return token;
    }

    boolean isName(String name) {
        return current().isName(name);
    }

    boolean isOperator(String operator) {
        return current().isOperator(operator);
    }

    boolean skipName(String name) {
        boolean found = isName(name);
        if (found) {
            take();
        }
        return found;
    }

    boolean skipOperator(String operator) {
        boolean found = isOperator(operator);
        if (found) {
            take();
        }
        return found;
    }

    Token expect(Token.Kind kind, String description) {
        if (!current().is(kind)) {
            throw failure("expected %s, got '%s'".formatted(description, current().description()));
        }
        return take();
    }

    void expectOperator(String operator) {
        if (!skipOperator(operator)) {
            throw failure("expected '%s', got '%s'".formatted(operator, current().description()));
        }
    }

    void expectName(String name) {
        if (!skipName(name)) {
            throw failure("expected '%s', got '%s'".formatted(name, current().description()));
        }
    }

    TemplateException failure(String message) {
        return new TemplateException(message, line(), false);
    }

    void enterExpression() {
        if (++expressionDepth > DEEPEST_EXPRESSION) {
            throw failure("an expression is nested more than %d deep, the limit".formatted(DEEPEST_EXPRESSION));
        }
    }

    void leaveExpression() {
        expressionDepth--;
    }

    void enterBlock() {
        if (++blockDepth > DEEPEST_BLOCK) {
            throw failure("blocks are nested more than %d deep, the limit".formatted(DEEPEST_BLOCK));
        }
    }

    void leaveBlock() {
        blockDepth--;
    }
}
