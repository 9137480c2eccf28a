package kept.cuda.virtual;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import kept.cuda.virtual.OpTable.Kind;
import kept.cuda.virtual.PtxModule.Statement;

/** Translates statements to instructions: arithmetic by opcode from {@link OpTable}, the rest by the first word of the opcode. */
final class Statements {
    private static final OpTable TABLE = new OpTable();
    private static final Map<String, OpTable.Entry> COMPOSED = new ConcurrentHashMap<>();
    private static final Set<String> MOVED = Set.of("b16", "u16", "s16", "f16", "bf16", "b32", "u32", "s32", "f32", "b64", "u64", "s64", "f64");

    static {
        IntegerOpcodes.define(TABLE);
        FloatOpcodes.define(TABLE);
        HalfOpcodes.define(TABLE);
        TABLE.word1("%word", a -> a);
        TABLE.long1("%long", a -> a);
        TABLE.word2("%pack.2x16", (a, b) -> a & 0xffff | b << 16);
        TABLE.word2("%pack.2x8", (a, b) -> a & 0xff | (b & 0xff) << 8);
        TABLE.wordsToLong("%pack.2x32", (a, b) -> (long) b << 32 | a & 0xffffffffL);
        TABLE.word1("%half.0", a -> a & 0xffff);
        TABLE.word1("%half.1", a -> a >>> 16);
        TABLE.longToWord("%word.0", a -> (int) a);
        TABLE.longToWord("%word.1", a -> (int) (a >>> 32));
        TABLE.wordToLong("%long.s8", a -> (byte) a);
        TABLE.wordToLong("%long.s16", a -> (short) a);
        TABLE.wordToLong("%long.s32", a -> a);
        TABLE.wordToLong("%long.zeros", a -> a & 0xffffffffL);
        TABLE.word1("%word.s16", a -> (short) a);
        TABLE.long1("cvta.global.u64 cvta.to.global.u64 cvta.const.u64 cvta.to.const.u64", a -> a);
        TABLE.long1("cvta.shared.u64", a -> a + MemoryAccess.SHARED_WINDOW);
        TABLE.long1("cvta.to.shared.u64", a -> a - MemoryAccess.SHARED_WINDOW);
        TABLE.long1("cvta.local.u64", a -> a + MemoryAccess.LOCAL_WINDOW);
        TABLE.long1("cvta.to.local.u64", a -> a - MemoryAccess.LOCAL_WINDOW);
        TABLE.long1("cvta.param.u64", a -> a + MemoryAccess.PARAMETER_WINDOW);
        TABLE.long1("cvta.to.param.u64", a -> a - MemoryAccess.PARAMETER_WINDOW);
    }

    private final Decoder decoder;
    private final MemoryStatements memory;
    private final WarpStatements warps;

    Statements(Decoder decoder) {
        this.decoder = decoder;
        this.memory = new MemoryStatements(decoder);
        this.warps = new WarpStatements(decoder);
    }

    void decode(Statement statement) {
        String opcode = statement.opcode();
        OpTable.Entry entry = TABLE.find(opcode);
        if (entry == null && opcode.startsWith("cvt.")) {
            entry = composed(opcode);
            if (entry != null) {
                convert(opcode, entry, statement.operands());
                return;
            }
        }
        if (entry != null) {
            lanewise(entry, statement.operands());
            return;
        }
        String[] words = opcode.split("\\.");
        boolean known = switch (words[0]) {
            case "mov" -> move(words, statement.operands());
            case "setp" -> setPredicate(words, statement.operands());
            case "set" -> set(words, statement.operands());
            case "testp" -> testProperty(words, statement.operands());
            case "selp" -> select(words, statement.operands());
            case "slct" -> selectBySign(words, statement.operands());
            case "and", "or", "xor", "not" -> predicateLogic(words, statement.operands());
            case "add", "addc", "sub", "subc" -> withCarry(words, statement.operands());
            case "lop3" -> logic(words, statement.operands());
            case "isspacep" -> window(words, statement.operands());
            case "bra", "brx", "call", "ret", "exit", "trap", "brkpt" -> control(words, statement.operands());
            default -> memory.decode(words, statement) || warps.decode(words, statement);
        };
        if (!known) {
            throw decoder.error("unknown instruction " + opcode);
        }
    }

    private static OpTable.Entry composed(String opcode) {
        return COMPOSED.computeIfAbsent(opcode, Conversions::entry);
    }

    /** Registers may be wider than the types: an operand is truncated, and a result is sign- or zero-extended to its register. */
    private void convert(String opcode, OpTable.Entry entry, List<Operand> operands) {
        String[] words = opcode.split("\\.");
        String type = words[words.length - 2];
        List<Operand> narrow = new ArrayList<>(operands);
        for (int i = 0; i < operands.size(); i++) {
            if (operands.get(i) instanceof Operand.Register register && register.bits() < width(i == 0 ? type : words[words.length - 1])) {
                throw decoder.error(register.name() + " is narrower than a type of " + opcode);
            }
        }
        for (int i = 1; i < Math.min(operands.size(), entry.operands.length + 1); i++) {
            if (!isLong(entry.operands[i - 1]) && operands.get(i) instanceof Operand.Register register && register.bits() == 64) {
                narrow.set(i, temporary("narrow" + i));
                lanewise("%word.0", narrow.get(i), register);
            }
        }
        if (isLong(entry.result) || !(operands.getFirst() instanceof Operand.Register to)) {
            lanewise(entry, narrow);
            return;
        }
        String filled = to.bits() == 64 ? "%long." + (type.startsWith("s") ? type : "zeros")
                : to.bits() == 32 && type.equals("s16") ? "%word.s16" : to.bits() == 16 && type.equals("s8") ? "%half.0" : null;
        if (filled == null) {
            lanewise(entry, narrow);
        } else {
            narrow.set(0, temporary("converted"));
            lanewise(entry, narrow);
            lanewise(filled, to, narrow.getFirst());
        }
    }

    /** Returns the width in bits of a type of cvt, such as u8, tf32 or bf16x2. */
    private static int width(String type) {
        return type.endsWith("x2") ? 32 : Integer.parseInt(type.replaceFirst("\\D+", ""));
    }

    private static boolean isLong(OpTable.Kind kind) {
        return kind == OpTable.Kind.L || kind == OpTable.Kind.D;
    }

    private void lanewise(OpTable.Entry entry, List<Operand> operands) {
        if (operands.size() != entry.operands.length + 1) {
            throw decoder.error(operands.size() + " operands, not " + (entry.operands.length + 1));
        }
        Lanewise made = decoder.emit(entry.make());
        made.d = decoder.destination(operands.getFirst(), entry.result);
        for (int i = 0; i < entry.operands.length; i++) {
            int slot = decoder.slot(operands.get(i + 1), entry.operands[i]);
            switch (i) {
                case 0 -> made.a = slot;
                case 1 -> made.b = slot;
                case 2 -> made.c = slot;
                default -> made.e = slot;
            }
        }
    }

    private void lanewise(String name, Operand... operands) {
        lanewise(TABLE.find(name), List.of(operands));
    }

    private boolean move(String[] words, List<Operand> operands) {
        String type = words[words.length - 1];
        Operand to = operands.get(0);
        Operand from = operands.get(1);
        if (type.equals("pred")) {
            var move = decoder.emit(new Moves.PredicateLogic());
            move.operator = (a, _) -> a;
            move.d = decoder.predicate(to);
            move.a = decoder.predicate(from);
            move.b = move.a;
            return true;
        }
        if (!MOVED.contains(type)) {
            return false;
        }
        if (from instanceof Operand.Vector vector) {
            pack(type, to, vector.elements());
        } else if (to instanceof Operand.Vector vector) {
            unpack(type, vector.elements(), from);
        } else if (type.endsWith("64")) {
            lanewise("%long", to, from);
        } else if (type.endsWith("16") && from instanceof Operand.Literal literal) {
            lanewise("%word", to, new Operand.Literal(literal.bits() & 0xffff, Operand.Literal.Kind.INTEGER));
        } else {
            lanewise("%word", to, from);
        }
        return true;
    }

    private void pack(String type, Operand to, List<Operand> parts) {
        String name = "%pack." + parts.size() + "x" + Integer.parseInt(type.replaceAll("\\D", "")) / parts.size();
        if (TABLE.find(name) != null) {
            lanewise(name, to, parts.get(0), parts.get(1));
        } else if (name.equals("%pack.4x16")) {
            Operand low = temporary("pack.low");
            Operand high = temporary("pack.high");
            lanewise("%pack.2x16", low, parts.get(0), parts.get(1));
            lanewise("%pack.2x16", high, parts.get(2), parts.get(3));
            lanewise("%pack.2x32", to, low, high);
        } else {
            throw decoder.error("unknown packing");
        }
    }

    private void unpack(String type, List<Operand> parts, Operand from) {
        boolean wide = type.endsWith("64");
        if (parts.size() == 2) {
            for (int i = 0; i < 2; i++) {
                if (!Decoder.isSink(parts.get(i))) {
                    lanewise((wide ? "%word." : "%half.") + i, parts.get(i), from);
                }
            }
        } else if (parts.size() == 4 && wide) {
            for (int i = 0; i < 4; i++) {
                Operand half = temporary("unpack");
                lanewise("%word." + i / 2, half, from);
                lanewise("%half." + i % 2, parts.get(i), half);
            }
        } else {
            throw decoder.error("unknown unpacking");
        }
    }

    /** Returns a register that the PTX does not declare. */
    private static Operand.Register temporary(String name) {
        return new Operand.Register("%" + name, Operand.File.WORD, 32, false);
    }

    private boolean setPredicate(String[] words, List<Operand> operands) {
        Operand to = operands.getFirst();
        boolean pair = to instanceof Operand.Pair;
        Comparison test = comparison(words, operands, words.length - 1);
        if (test == null) {
            return false;
        }
        test.d = decoder.predicate(pair ? ((Operand.Pair) to).first() : to);
        if (pair && !Decoder.isSink(((Operand.Pair) to).second())) {
            test.second = decoder.predicate(((Operand.Pair) to).second());
        }
        return true;
    }

    /** Creates a comparison from the words of an opcode up to its last type; the caller sets the destination. */
    private Comparison comparison(String[] words, List<Operand> operands, int typeAt) {
        String combination = null;
        boolean flush = false;
        for (int i = 2; i < typeAt; i++) {
            switch (words[i]) {
                case "ftz" -> flush = true;
                case "and", "or", "xor" -> combination = words[i];
                case "u32", "s32", "f32" -> { }
                default -> {
                    return null;
                }
            }
        }
        String type = words[typeAt];
        Comparison test = Comparisons.make(words[1], type, flush);
        if (test == null) {
            return null;
        }
        decoder.emit(test);
        Kind kind = type.endsWith("64") ? type.equals("f64") ? Kind.D : Kind.L : type.equals("f32") ? Kind.F : Kind.W;
        test.a = decoder.slot(operands.get(1), kind);
        test.b = decoder.slot(operands.get(2), kind);
        if (combination != null) {
            test.combination = Comparison.Combination.valueOf(combination.toUpperCase(java.util.Locale.ROOT));
            test.c = decoder.predicate(operands.get(3));
        }
        return test;
    }

    /** {@code set}: a comparison into an unnamed predicate, then a selection of two constants. */
    private boolean set(String[] words, List<Operand> operands) {
        String to = words[words.length - 2];
        String from = words[words.length - 1];
        if (from.endsWith("x2")) {
            return setPair(words, operands);
        }
        int yes = switch (to) {
            case "u32", "s32" -> -1;
            case "f32" -> Float.floatToRawIntBits(1);
            case "f16" -> 0x3c00;
            case "bf16" -> 0x3f80;
            default -> 0;
        };
        if (yes == 0) {
            return false;
        }
        Comparison test = comparison(words, operands, words.length - 1);
        if (test == null) {
            return false;
        }
        test.d = decoder.hiddenPredicate("%set");
        var select = decoder.emit(new Moves.SelectWord());
        select.d = decoder.destination(operands.getFirst(), Kind.W);
        select.a = decoder.constant(yes);
        select.b = decoder.constant(0);
        select.c = test.d;
        return true;
    }

    /** {@code set} of two 16-bit floats at once. */
    private boolean setPair(String[] words, List<Operand> operands) {
        String to = words[words.length - 2];
        String half = words[words.length - 1].replace("x2", "");
        int yes = to.equals("u32") || to.equals("s32") ? 0xffff : to.equals("bf16x2") ? 0x3f80 : 0x3c00;
        Operand[] parts = {temporary("set.a"), temporary("set.b")};
        Operand[] results = {temporary("set.low"), temporary("set.high")};
        for (int i = 0; i < 2; i++) {
            lanewise("%half." + i, parts[0], operands.get(1));
            lanewise("%half." + i, parts[1], operands.get(2));
            Comparison test = Comparisons.make(words[1], half, false);
            if (test == null) {
                return false;
            }
            decoder.emit(test);
            test.a = decoder.word(parts[0]);
            test.b = decoder.word(parts[1]);
            test.d = decoder.hiddenPredicate("%set");
            var select = decoder.emit(new Moves.SelectWord());
            select.d = decoder.word(results[i]);
            select.a = decoder.constant(yes);
            select.b = decoder.constant(0);
            select.c = test.d;
        }
        lanewise("%pack.2x16", operands.getFirst(), results[0], results[1]);
        return true;
    }

    private boolean testProperty(String[] words, List<Operand> operands) {
        Comparison test = Comparisons.property(words[1], words[2]);
        if (test == null) {
            return false;
        }
        decoder.emit(test);
        test.d = decoder.predicate(operands.get(0));
        test.a = decoder.slot(operands.get(1), words[2].equals("f64") ? Kind.D : Kind.F);
        test.b = test.a;
        return true;
    }

    private boolean window(String[] words, List<Operand> operands) {
        long window = switch (words[1]) {
            case "shared" -> MemoryAccess.SHARED_WINDOW;
            case "local" -> MemoryAccess.LOCAL_WINDOW;
            case "param" -> MemoryAccess.PARAMETER_WINDOW;
            default -> 0x7f00_0000_0000L;
        };
        var test = decoder.emit(Comparisons.window(words[1], window));
        test.d = decoder.predicate(operands.get(0));
        test.a = decoder.longWord(operands.get(1));
        test.b = test.a;
        return true;
    }

    private boolean select(String[] words, List<Operand> operands) {
        if (!MOVED.contains(words[1])) {
            return false;
        }
        choose(words[1], operands.get(0), operands.get(1), operands.get(2), decoder.predicate(operands.get(3)));
        return true;
    }

    private void choose(String type, Operand to, Operand ifTrue, Operand ifFalse, int predicate) {
        boolean wide = type.endsWith("64");
        Kind kind = wide ? type.equals("f64") ? Kind.D : Kind.L : type.equals("f32") ? Kind.F : Kind.W;
        Lanewise select = decoder.emit(wide ? new Moves.SelectLong() : new Moves.SelectWord());
        select.d = decoder.destination(to, kind);
        select.a = decoder.slot(ifTrue, kind);
        select.b = decoder.slot(ifFalse, kind);
        select.c = predicate;
    }

    private boolean selectBySign(String[] words, List<Operand> operands) {
        String type = words[words.length - 2];
        String by = words[words.length - 1];
        if (!MOVED.contains(type) || !by.equals("s32") && !by.equals("f32")) {
            return false;
        }
        var test = decoder.emit(Comparisons.make("ge", by, words[1].equals("ftz")));
        test.d = decoder.hiddenPredicate("%slct");
        test.a = decoder.word(operands.get(3), by.equals("f32") ? Kind.F : Kind.W);
        test.b = decoder.constant(0);
        choose(type, operands.get(0), operands.get(1), operands.get(2), test.d);
        return true;
    }

    private boolean predicateLogic(String[] words, List<Operand> operands) {
        if (!words[1].equals("pred")) {
            return false;
        }
        var logic = decoder.emit(new Moves.PredicateLogic());
        logic.operator = switch (words[0]) {
            case "and" -> (a, b) -> a & b;
            case "or" -> (a, b) -> a | b;
            case "xor" -> (a, b) -> a ^ b;
            default -> (a, _) -> ~a;
        };
        logic.d = decoder.predicate(operands.get(0));
        logic.a = decoder.predicate(operands.get(1));
        logic.b = decoder.predicate(operands.getLast());
        return true;
    }

    private boolean withCarry(String[] words, List<Operand> operands) {
        String type = words[words.length - 1];
        boolean in = words[0].endsWith("c");
        boolean out = words[1].equals("cc");
        if (!in && !out || !type.matches("[us](32|64)")) {
            return false;
        }
        var carry = decoder.emit(new Moves.WithCarry());
        carry.isLong = type.endsWith("64");
        Kind kind = carry.isLong ? Kind.L : Kind.W;
        carry.subtract = words[0].startsWith("sub");
        carry.in = in;
        carry.out = out;
        carry.carry = decoder.hiddenPredicate("%carry");
        carry.d = decoder.destination(operands.get(0), kind);
        carry.a = decoder.slot(operands.get(1), kind);
        carry.b = decoder.slot(operands.get(2), kind);
        return true;
    }

    /** {@code lop3}: any function of three bits, given by its truth table. */
    private boolean logic(String[] words, List<Operand> operands) {
        if (!words[1].equals("b32") || !(operands.get(4) instanceof Operand.Literal literal)) {
            return false;
        }
        int table = (int) literal.bits();
        lanewise(COMPOSED.computeIfAbsent("lop3." + table, _ -> new OpTable.Entry(WordLoops.Int3Loop.class, (Functions.Int3) (a, b, c) -> {
            int result = 0;
            for (int i = 0; i < 8; i++) {
                int term = ((i & 4) != 0 ? a : ~a) & ((i & 2) != 0 ? b : ~b) & ((i & 1) != 0 ? c : ~c);
                result |= (table >> i & 1) != 0 ? term : 0;
            }
            return result;
        }, "WWWW")), operands.subList(0, 4));
        return true;
    }

    private boolean control(String[] words, List<Operand> operands) {
        switch (words[0]) {
            case "bra" -> decoder.branch(new Control.Branch(), List.of(symbol(operands.getFirst())));
            case "brx" -> {
                var branch = new Control.BranchByIndex();
                branch.index = decoder.word(operands.get(0));
                decoder.branch(branch, decoder.branchTargets(symbol(operands.get(1))));
            }
            case "call" -> call(operands);
            case "ret" -> decoder.returns();
            case "exit" -> decoder.emit(new Control.End());
            default -> decoder.emit(new Control.Trap());
        }
        return true;
    }

    private void call(List<Operand> operands) {
        int at = operands.getFirst() instanceof Operand.Vector ? 1 : 0;
        List<String> results = at == 1 ? symbols(operands.getFirst()) : List.of();
        String name = PtxBody.candidates(symbol(operands.get(at))).getLast();
        List<String> arguments = operands.size() > at + 1 ? symbols(operands.get(at + 1)) : List.of();
        switch (name) {
            case "__assertfail" -> decoder.emit(new Control.Trap()).reason = "fails an assertion";
            case "vprintf" -> decoder.emit(new Control.NoOp());
            default -> decoder.call(name, results, arguments);
        }
    }

    private List<String> symbols(Operand list) {
        if (list instanceof Operand.Vector vector) {
            return vector.elements().stream().map(this::symbol).toList();
        }
        throw decoder.error("a call without a list of values");
    }

    private String symbol(Operand operand) {
        if (operand instanceof Operand.Symbol symbol) {
            return symbol.name();
        }
        throw decoder.error(operand + " is not a name");
    }
}
