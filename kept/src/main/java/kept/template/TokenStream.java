package kept.template;

import java.util.List;

/** The tokens of a template with a read position, and the nesting depth of the parser. */
final class TokenStream {
    /** Limit of nested expressions. */
    private static final int DEEPEST_EXPRESSION = 100;
    /** Limit of nested blocks: about as many as Python allows in code compiled from Jinja2. */
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

    /** Returns the current token and advances. */
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
