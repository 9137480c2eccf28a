package kept.template;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Parses a template into statements. */
final class Parser {
    private static final Set<String> CONSTANTS = Set.of("true", "false", "none", "True", "False", "None");

    private final TokenStream stream;
    private final ExpressionParser expressions;

    private Parser(List<Token> tokens) {
        stream = new TokenStream(tokens);
        expressions = new ExpressionParser(stream);
    }

    static List<Statement> parse(String source) {
        return new Parser(Lexer.tokens(source)).statements();
    }

    /** Parses statements up to the end of the template or a tag with one of these names, which becomes the current token. */
    private List<Statement> statements(String... ends) {
        var body = new ArrayList<Statement>();
        var parts = new ArrayList<Expression>();
        while (!stream.current().is(Token.Kind.END)) {
            Token token = stream.take();
            switch (token.kind()) {
                case DATA -> parts.add(new Expression.Data(token.text(), token.line()));
                case VARIABLE_BEGIN -> {
                    parts.add(expressions.tuple(true, null, false));
                    stream.expect(Token.Kind.VARIABLE_END, "end of print statement");
                }
                default -> {
                    flush(parts, body);
                    if (stream.current().is(Token.Kind.NAME) && List.of(ends).contains(stream.current().text())) {
                        return body;
                    }
                    body.add(statement(ends));
                    stream.expect(Token.Kind.BLOCK_END, "end of statement block");
                }
            }
        }
        flush(parts, body);
        if (ends.length > 0) {
            throw stream.failure("Unexpected end of template, expected " + String.join(" or ", ends));
        }
        return body;
    }

    private static void flush(List<Expression> parts, List<Statement> body) {
        if (!parts.isEmpty()) {
            body.add(new Statement.Output(List.copyOf(parts), parts.getFirst().line()));
            parts.clear();
        }
    }

    /** Parses the statements of a block up to one of these tags, which becomes the current token. */
    private List<Statement> block(String... ends) {
        stream.skipOperator(":");
        stream.expect(Token.Kind.BLOCK_END, "end of statement block");
        stream.enterBlock();
        List<Statement> body = statements(ends);
        stream.leaveBlock();
        return body;
    }

    private List<Statement> blockTo(String end) {
        List<Statement> body = block(end);
        stream.take();
        return body;
    }

    private Statement statement(String... ends) {
        Token tag = stream.current();
        if (!tag.is(Token.Kind.NAME)) {
            throw stream.failure("tag name expected");
        }
        stream.take();
        int line = tag.line();
        return switch (tag.text()) {
            case "for" -> loop(line);
            case "if" -> condition(line);
            case "set" -> assignment(line);
            case "with" -> with(line);
            case "macro" -> new Statement.MacroDefinition(macro(variable(), "endmacro"), line);
            case "call" -> call(line);
            case "filter" -> new Statement.FilterBlock(filters(), blockTo("endfilter"), line);
            case "generation" -> new Statement.CallBlock(new Statement.MacroBody(null, List.of(), List.of(), blockTo("endgeneration")), null, line);
            case "block" -> namedBlock(line);
            case "print" -> print(line);
            case "autoescape" -> new Statement.Autoescape(expressions.expression(), blockTo("endautoescape"), line);
            case "break", "continue" -> new Statement.LoopControl(tag.text().equals("break"), line);
            case "include", "extends", "import", "from" -> otherTemplate(tag);
            default -> throw new TemplateException("Encountered unknown tag '%s'%s".formatted(tag.text(),
                    ends.length == 0 ? "" : ", expected " + String.join(" or ", ends)), line, false);
        };
    }

    private Statement loop(int line) {
        Target target = target("in", false);
        stream.expectName("in");
        Expression iterable = expressions.tuple(false, "recursive", false);
        Expression test = stream.skipName("if") ? expressions.expression() : null;
        boolean recursive = stream.skipName("recursive");
        List<Statement> body = block("endfor", "else");
        List<Statement> otherwise = stream.take().isName("endfor") ? List.of() : blockTo("endfor");
        return new Statement.For(target, iterable, body, otherwise, test, recursive, line);
    }

    private Statement condition(int line) {
        var tests = new ArrayList<Expression>();
        var bodies = new ArrayList<List<Statement>>();
        while (true) {
            tests.add(expressions.tuple(false, null, false));
            bodies.add(block("elif", "else", "endif"));
            String next = stream.take().text();
            if (!next.equals("elif")) {
                return new Statement.If(tests, bodies, next.equals("else") ? blockTo("endif") : List.of(), line);
            }
        }
    }

    private Statement assignment(int line) {
        Target target = target(null, true);
        if (stream.skipOperator("=")) {
            return new Statement.Assignment(target, expressions.tuple(true, null, false), line);
        }
        Expression.Filter filter = null;
        while (stream.skipOperator("|")) {
            filter = expressions.filter(filter);
        }
        return new Statement.AssignedBlock(target, filter, blockTo("endset"), line);
    }

    private Expression.Filter filters() {
        Expression.Filter filter = expressions.filter(null);
        while (stream.skipOperator("|")) {
            filter = expressions.filter(filter);
        }
        return filter;
    }

    private Statement with(int line) {
        var targets = new ArrayList<Target>();
        var values = new ArrayList<Expression>();
        while (!stream.current().is(Token.Kind.BLOCK_END)) {
            if (!targets.isEmpty()) {
                stream.expectOperator(",");
            }
            targets.add(target(null, false));
            stream.expectOperator("=");
            values.add(expressions.expression());
        }
        return new Statement.With(targets, values, blockTo("endwith"), line);
    }

    private String variable() {
        Token name = stream.expect(Token.Kind.NAME, "a name");
        if (CONSTANTS.contains(name.text())) {
            throw new TemplateException("can't assign to '%s'".formatted(name.text()), name.line(), false);
        }
        return name.text();
    }

    private Statement.MacroBody macro(String name, String end) {
        var parameters = new ArrayList<String>();
        var defaults = new ArrayList<Expression>();
        parameters(parameters, defaults);
        return new Statement.MacroBody(name, parameters, defaults, blockTo(end));
    }

    private void parameters(List<String> parameters, List<Expression> defaults) {
        var names = new HashSet<String>();
        stream.expectOperator("(");
        while (!stream.isOperator(")")) {
            if (!parameters.isEmpty()) {
                stream.expectOperator(",");
            }
            String name = variable();
            if (!names.add(name)) {
                throw stream.failure("duplicate parameter '%s'".formatted(name));
            }
            parameters.add(name);
            if (stream.skipOperator("=")) {
                defaults.add(expressions.expression());
            } else if (!defaults.isEmpty()) {
                throw stream.failure("non-default argument follows default argument");
            }
        }
        stream.expectOperator(")");
    }

    private Statement call(int line) {
        var parameters = new ArrayList<String>();
        var defaults = new ArrayList<Expression>();
        if (stream.isOperator("(")) {
            parameters(parameters, defaults);
        }
        if (!(expressions.expression() instanceof Expression.Call call)) {
            throw new TemplateException("expected call", line, false);
        }
        if (call.arguments().names().contains("caller")) {
            throw new TemplateException("keyword argument repeated: caller", line, false);
        }
        return new Statement.CallBlock(new Statement.MacroBody(null, parameters, defaults, blockTo("endcall")), call, line);
    }

    private Statement namedBlock(int line) {
        String name = stream.expect(Token.Kind.NAME, "a name").text();
        boolean scoped = stream.skipName("scoped");
        boolean required = stream.skipName("required");
        List<Statement> body = blockTo("endblock");
        boolean blank = body.stream().allMatch(part -> part instanceof Statement.Output output && output.parts().stream()
                .allMatch(text -> text instanceof Expression.Data data && Characters.isSpace(data.text(), 0, data.text().length())));
        if (required && !blank) {
            throw new TemplateException("Required blocks can only contain comments or whitespace", line, false);
        }
        stream.skipName(name);
        return new Statement.Block(name, scoped, required, body, line);
    }

    private Statement print(int line) {
        var parts = new ArrayList<Expression>();
        while (!stream.current().is(Token.Kind.BLOCK_END)) {
            if (!parts.isEmpty()) {
                stream.expectOperator(",");
            }
            parts.add(expressions.expression());
        }
        return new Statement.Output(parts, line);
    }

    private Statement otherTemplate(Token tag) {
        Expression template = expressions.expression();
        var names = new ArrayList<String>();
        switch (tag.text()) {
            case "import" -> {
                stream.expectName("as");
                names.add(variable());
            }
            case "from" -> {
                stream.expectName("import");
                importedNames(names);
            }
            case "include" -> {
                if (stream.isName("ignore") && stream.look().isName("missing")) {
                    stream.take();
                    stream.take();
                }
            }
            default -> { }
        }
        if (!tag.text().equals("extends") && !tag.text().equals("from")) {
            skipContext();
        }
        return new Statement.OtherTemplate(tag.text(), template, names, tag.line());
    }

    private boolean skipContext() {
        boolean context = (stream.isName("with") || stream.isName("without")) && stream.look().isName("context");
        if (context) {
            stream.take();
            stream.take();
        }
        return context;
    }

    private void importedNames(List<String> names) {
        do {
            if (skipContext()) {
                return;
            }
            String name = variable();
            if (name.startsWith("_")) {
                throw stream.failure("names starting with an underline can not be imported");
            }
            names.add(stream.skipName("as") ? variable() : name);
            if (skipContext()) {
                return;
            }
        } while (stream.skipOperator(","));
    }

    /** Parses one or more targets, up to {@code =}, the end of the tag, or a name. */
    private Target target(String endName, boolean namespaces) {
        int line = stream.line();
        var targets = new ArrayList<Target>();
        boolean several = false;
        while (!(stream.current().is(Token.Kind.BLOCK_END) || stream.isOperator(")") || endName != null && stream.isName(endName))) {
            targets.add(oneTarget(namespaces));
            if (!stream.skipOperator(",")) {
                break;
            }
            several = true;
        }
        if (targets.isEmpty()) {
            throw stream.failure("Expected an expression, got '%s'".formatted(stream.current().description()));
        }
        return several ? new Target.Several(targets, line) : targets.getFirst();
    }

    private Target oneTarget(boolean namespaces) {
        if (namespaces && stream.current().is(Token.Kind.NAME) && stream.look().isOperator(".") && !CONSTANTS.contains(stream.current().text())) {
            Token name = stream.take();
            stream.take();
            return new Target.NamespaceAttribute(name.text(), stream.expect(Token.Kind.NAME, "a name").text(), name.line());
        }
        return target(expressions.primary());
    }

    private Target target(Expression expression) {
        return switch (expression) {
            case Expression.Name name -> new Target.Variable(name.name(), name.line());
            case Expression.Elements elements when elements.tuple() ->
                new Target.Several(elements.items().stream().map(this::target).toList(), elements.line());
            default -> throw new TemplateException("can't assign to a value", expression.line(), false);
        };
    }
}
