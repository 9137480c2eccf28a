package kept.cuda.virtual;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import kept.cuda.virtual.PtxModule.Function;
import kept.cuda.virtual.PtxModule.Space;
import kept.cuda.virtual.PtxModule.Variable;

/** Parses PTX into a {@link PtxModule}; {@link PtxBody} parses the bodies of functions. */
final class PtxParser {
    private final String file;
    private final PtxTokens tokens;
    private final Map<String, Function> functions = new LinkedHashMap<>();
    private final List<Variable> variables = new ArrayList<>();
    private final String[] lines;
    private String version = "";
    private String target = "";

    private PtxParser(String file, String text) {
        this.file = file;
        this.tokens = new PtxTokens(file, text);
        this.lines = text.split("\n", -1);
    }

    static PtxModule parse(String file, String text) {
        var parser = new PtxParser(file, text);
        parser.module();
        return new PtxModule(file, parser.version, parser.target, parser.functions, parser.variables);
    }

    private void module() {
        while (!tokens.atEnd()) {
            String word = tokens.take();
            switch (word) {
                case ".version" -> version = tokens.take();
                case ".target" -> {
                    target = tokens.take();
                    while (tokens.accept(",")) {
                        tokens.take();
                    }
                }
                case ".address_size" -> {
                    if (!tokens.take().equals("64")) {
                        throw tokens.error("only addresses of 64 bits are supported");
                    }
                }
                case ".file", ".loc", ".pragma" -> tokens.skipLine();
                case ".section" -> {
                    while (!tokens.accept("}")) {
                        tokens.take();
                    }
                }
                case ".visible", ".extern", ".weak", ".common" -> { }
                case ".entry" -> function(true);
                case ".func" -> function(false);
                case ".global", ".const", ".shared" -> variables.addAll(variables(tokens, word));
                default -> throw tokens.error("unknown directive '" + word + "'");
            }
        }
        if (version.isEmpty() || target.isEmpty()) {
            throw tokens.error("no .version or no .target");
        }
    }

    private void function(boolean entry) {
        int line = tokens.line();
        List<Variable> results = tokens.next("(") ? parameters() : List.of();
        String name = tokens.take();
        List<Variable> parameters = tokens.next("(") ? parameters() : List.of();
        int maxThreads = 0;
        int maxRegisters = 0;
        while (!tokens.next("{") && !tokens.next(";")) {
            String directive = tokens.take();
            switch (directive) {
                case ".maxntid", ".reqntid" -> maxThreads = product();
                case ".maxnreg" -> maxRegisters = Integer.parseInt(tokens.take());
                case ".minnctapersm" -> tokens.take();
                case ".noreturn" -> { }
                case ".pragma" -> tokens.skipLine();
                default -> throw tokens.error("unknown directive '" + directive + "' of " + name);
            }
        }
        if (tokens.accept(";")) {
            functions.putIfAbsent(name, new Function(name, entry, line, results, parameters, List.of(), List.of(), Map.of(), Map.of(), 0, 0));
            return;
        }
        var body = new PtxBody(tokens, lines);
        body.parse();
        functions.put(name, new Function(name, entry, line, results, parameters, body.variables(), body.statements(), body.labels(),
                body.branchTargets(), maxThreads, maxRegisters));
    }

    private int product() {
        int product = Integer.parseInt(tokens.take());
        while (tokens.accept(",")) {
            product *= Integer.parseInt(tokens.take());
        }
        return product;
    }

    private List<Variable> parameters() {
        var list = new ArrayList<Variable>();
        tokens.expect("(");
        while (!tokens.accept(")")) {
            String space = tokens.take();
            list.addAll(variables(tokens, space.equals(".reg") ? ".param" : space));
            tokens.accept(",");
        }
        return list;
    }

    /** Parses the variables of a declaration after its state space. The declaration of a parameter ends before a comma or parenthesis. */
    static List<Variable> variables(PtxTokens tokens, String space) {
        Space kind = Space.valueOf(space.substring(1).toUpperCase(Locale.ROOT));
        int align = 0;
        int elements = 1;
        int width = 0;
        while (tokens.peek().startsWith(".")) {
            String word = tokens.take();
            switch (word) {
                case ".align" -> align = Integer.parseInt(tokens.take());
                case ".v2" -> elements = 2;
                case ".v4" -> elements = 4;
                case ".ptr", ".global", ".shared", ".const", ".local" -> { }
                case ".pred" -> width = 1;
                default -> width = width(tokens, word);
            }
        }
        var list = new ArrayList<Variable>();
        do {
            String name = tokens.take();
            long count = elements;
            while (tokens.accept("[")) {
                if (tokens.accept("]")) {
                    count = -1;
                } else {
                    count *= Long.decode(tokens.take());
                    tokens.expect("]");
                }
            }
            var pointers = new LinkedHashMap<Integer, String>();
            byte[] initial = tokens.accept("=") ? new PtxInitialiser(tokens, width, (int) (count * width), pointers).bytes() : null;
            if (initial != null && count < 0) {
                count = initial.length / width;
            }
            list.add(new Variable(name, kind, Math.max(align, width * elements), count * width, initial, pointers));
        } while (kind != Space.PARAM && tokens.accept(","));
        if (kind != Space.PARAM) {
            tokens.expect(";");
        }
        return list;
    }

    /** Returns the size in bytes of a fundamental type such as {@code .b32}. */
    static int width(PtxTokens tokens, String type) {
        return switch (type) {
            case ".b8", ".u8", ".s8" -> 1;
            case ".b16", ".u16", ".s16", ".f16", ".bf16" -> 2;
            case ".b32", ".u32", ".s32", ".f32", ".f16x2", ".bf16x2", ".tf32" -> 4;
            case ".b64", ".u64", ".s64", ".f64" -> 8;
            default -> throw tokens.error("unknown type '" + type + "'");
        };
    }
}
