package kept.cuda.virtual;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import kept.cuda.virtual.Operand.File;
import kept.cuda.virtual.PtxModule.Statement;
import kept.cuda.virtual.PtxModule.Variable;

/**
 * Parses the body of a function. Scopes nest, and a name declared in an inner scope hides an outer one, as inline assembly uses it. Names are made
 * unique within the function by appending the number of their scope.
 */
final class PtxBody {
    private record Declared(File file, int bits) {}

    /** Declarations of a scope: registers, ranges of registers by their prefix, variables. */
    private record Scope(String suffix, Map<String, Declared> registers, Map<String, Declared> ranges, Map<String, String> variables) {}

    private final PtxTokens tokens;
    private final String[] lines;
    private final Deque<Scope> scopes = new ArrayDeque<>();
    private final List<Variable> variables = new ArrayList<>();
    private final List<Statement> statements = new ArrayList<>();
    private final Map<String, Integer> labels = new HashMap<>();
    private final Map<String, List<String>> branchTargets = new HashMap<>();
    private int scopeCount;

    PtxBody(PtxTokens tokens, String[] lines) {
        this.tokens = tokens;
        this.lines = lines;
    }

    void parse() {
        tokens.expect("{");
        open();
        while (!scopes.isEmpty()) {
            if (tokens.accept("{")) {
                open();
            } else if (tokens.accept("}")) {
                scopes.pop();
            } else if (tokens.afterNext(":")) {
                String label = tokens.take();
                tokens.expect(":");
                label(label);
            } else if (tokens.peek().startsWith(".")) {
                directive(tokens.take());
            } else if (!tokens.accept(";")) {
                statement();
            }
        }
    }

    List<Variable> variables() {
        return variables;
    }

    List<Statement> statements() {
        return statements;
    }

    Map<String, Integer> labels() {
        return labels;
    }

    Map<String, List<String>> branchTargets() {
        return branchTargets;
    }

    private void open() {
        String suffix = scopes.isEmpty() ? "" : scopes.peek().suffix() + "#" + ++scopeCount;
        scopes.push(new Scope(suffix, new HashMap<>(), new HashMap<>(), new HashMap<>()));
    }

    /** Labels of inner scopes are also made unique, because the same inline assembly may occur several times. */
    private void label(String label) {
        if (tokens.accept(".branchtargets")) {
            var targets = new ArrayList<String>();
            do {
                targets.add(tokens.take());
            } while (tokens.accept(","));
            tokens.expect(";");
            branchTargets.put(label, targets);
            return;
        }
        Scope scope = scopes.peek();
        String name = label + scope.suffix();
        scope.variables().put(label, name);
        if (labels.put(name, statements.size()) != null) {
            throw tokens.error("label " + label + " is defined twice");
        }
    }

    private void directive(String word) {
        switch (word) {
            case ".reg" -> registers();
            case ".local", ".shared", ".param", ".global", ".const" -> {
                for (Variable variable : PtxParser.variables(tokens, word)) {
                    String name = variable.name() + scopes.peek().suffix();
                    scopes.peek().variables().put(variable.name(), name);
                    variables.add(new Variable(name, variable.space(), variable.align(), variable.bytes(), variable.initial(), variable.pointers()));
                }
                tokens.accept(";");
            }
            case ".loc", ".file", ".pragma" -> tokens.skipLine();
            default -> throw tokens.error("unknown directive '" + word + "' in a function");
        }
    }

    private void registers() {
        String type = tokens.take();
        Declared declared = type.equals(".pred") ? new Declared(File.PREDICATE, 1) : declared(PtxParser.width(tokens, type));
        do {
            String name = tokens.take();
            if (tokens.accept("<")) {
                tokens.take();
                tokens.expect(">");
                scopes.peek().ranges().put(name, declared);
            } else {
                scopes.peek().registers().put(name, declared);
            }
        } while (tokens.accept(","));
        tokens.expect(";");
    }

    private static Declared declared(int width) {
        return new Declared(width == 8 ? File.LONG : File.WORD, 8 * width);
    }

    private void statement() {
        int line = tokens.line();
        Operand.Register guard = null;
        if (tokens.accept("@")) {
            boolean negated = tokens.accept("!");
            if (!(name(tokens.take()) instanceof Operand.Register register) || register.file() != File.PREDICATE) {
                throw tokens.error("the guard is not a predicate register");
            }
            guard = new Operand.Register(register.name(), File.PREDICATE, 1, negated);
        }
        String opcode = tokens.take();
        var operands = new ArrayList<Operand>();
        while (!tokens.accept(";")) {
            operands.add(operand());
            if (!tokens.next(";")) {
                tokens.expect(",");
            }
        }
        statements.add(new Statement(line, guard, opcode, operands, lines[line - 1].strip()));
    }

    private Operand operand() {
        if (tokens.accept("[")) {
            Operand inside = address();
            if (tokens.accept(",")) {
                throw tokens.error("texture operands are not supported");
            }
            tokens.expect("]");
            return inside;
        }
        if (tokens.accept("{")) {
            return list("}");
        }
        if (tokens.accept("(")) {
            return list(")");
        }
        if (tokens.accept("!")) {
            Operand operand = name(tokens.take());
            if (operand instanceof Operand.Register register && register.file() == File.PREDICATE) {
                return new Operand.Register(register.name(), register.file(), 1, true);
            }
            throw tokens.error("'!' must precede a predicate register");
        }
        Operand first = simple();
        if (tokens.accept("|")) {
            return new Operand.Pair(first, simple());
        }
        if (first instanceof Operand.Symbol && (tokens.next("+") || tokens.next("-"))) {
            return new Operand.Address(first, offset());
        }
        return first;
    }

    private Operand list(String end) {
        var elements = new ArrayList<Operand>();
        while (!tokens.accept(end)) {
            elements.add(operand());
            tokens.accept(",");
        }
        return new Operand.Vector(elements);
    }

    private Operand address() {
        Operand base = simple();
        if (base instanceof Operand.Literal literal) {
            return new Operand.Address(null, literal.bits());
        }
        return new Operand.Address(base, tokens.next("]") ? 0 : offset());
    }

    private long offset() {
        boolean minus = !tokens.accept("+");
        if (minus) {
            tokens.expect("-");
        }
        long value = literal(tokens).bits();
        return minus ? -value : value;
    }

    private Operand simple() {
        String word = tokens.peek();
        return word.equals("-") || Character.isDigit(word.charAt(0)) ? literal(tokens) : name(tokens.take());
    }

    private Operand name(String word) {
        for (Scope scope : scopes) {
            Declared declared = scope.registers().get(word);
            if (declared == null) {
                int digits = word.length();
                while (digits > 0 && Character.isDigit(word.charAt(digits - 1))) {
                    digits--;
                }
                declared = digits == word.length() ? null : scope.ranges().get(word.substring(0, digits));
            }
            if (declared != null) {
                return new Operand.Register(word + scope.suffix(), declared.file(), declared.bits(), false);
            }
            String variable = scope.variables().get(word);
            if (variable != null) {
                return new Operand.Symbol(variable);
            }
        }
        // A forward label, a variable of the module, a function or a special register.
        return new Operand.Symbol(word.startsWith("%") ? word : word + scopes.peek().suffix());
    }

    /** Parses a number: decimal, hexadecimal, the bits of a float after {@code 0f} or {@code 0d}, or with a decimal point. */
    static Operand.Literal literal(PtxTokens tokens) {
        boolean minus = tokens.accept("-");
        String word = tokens.take();
        try {
            if (word.startsWith("0f") || word.startsWith("0F")) {
                return new Operand.Literal(Integer.parseUnsignedInt(word.substring(2), 16), Operand.Literal.Kind.F32);
            }
            if (word.startsWith("0d") || word.startsWith("0D")) {
                return new Operand.Literal(Long.parseUnsignedLong(word.substring(2), 16), Operand.Literal.Kind.F64);
            }
            if (!word.startsWith("0x") && word.contains(".")) {
                double value = Double.parseDouble(word);
                return new Operand.Literal(Double.doubleToRawLongBits(minus ? -value : value), Operand.Literal.Kind.F64);
            }
            String digits = word.endsWith("U") ? word.substring(0, word.length() - 1) : word;
            long value = digits.startsWith("0x") || digits.startsWith("0X") ? Long.parseUnsignedLong(digits.substring(2), 16)
                    : digits.startsWith("0") && digits.length() > 1 ? Long.parseUnsignedLong(digits, 8) : Long.parseUnsignedLong(digits);
            return new Operand.Literal(minus ? -value : value, Operand.Literal.Kind.INTEGER);
        } catch (NumberFormatException e) {
            throw tokens.error("'" + word + "' is not a number");
        }
    }

    /** Returns the unique names that a symbol may refer to, innermost scope first. */
    static List<String> candidates(String symbol) {
        var names = new ArrayList<String>();
        for (String name = symbol;; name = name.substring(0, name.lastIndexOf('#'))) {
            names.add(name);
            if (name.indexOf('#') < 0) {
                return names;
            }
        }
    }
}
