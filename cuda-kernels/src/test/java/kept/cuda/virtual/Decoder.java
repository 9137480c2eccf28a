package kept.cuda.virtual;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import kept.cuda.driver.Parameter;
import kept.cuda.virtual.PtxModule.Space;
import kept.cuda.virtual.PtxModule.Statement;
import kept.cuda.virtual.PtxModule.Variable;

/**
 * Translates the statements of a kernel to instructions: names become register slots, labels become indices, and called functions are inlined.
 * {@link Statements} translates single statements; this class manages slots, addresses of variables and frames of inlined functions.
 */
final class Decoder {
    /** An inlined function: its names, and the target of its returns. */
    private static final class Frame {
        final PtxModule.Function function;
        final String prefix;
        final Map<String, Long> localAddresses = new HashMap<>();
        final List<Control.Branch> returns = new ArrayList<>();
        final int[] starts;

        Frame(PtxModule.Function function, String prefix) {
            this.function = function;
            this.prefix = prefix;
            this.starts = new int[function.statements().size() + 1];
        }
    }

    /** A branch whose labels are resolved after all instructions are decoded. */
    private record Pending(Instruction branch, List<String> labels, Statement statement) {}

    private static final int MAX_CALLS_DEEP = 32;

    private final PtxModule module;
    private final Function<String, Allocation> deviceVariables;
    private final Kernel kernel = new Kernel();
    private final List<Instruction> code = new ArrayList<>();
    private final List<int[]> words = new ArrayList<>();
    private final List<long[]> longs = new ArrayList<>();
    private final Map<String, Integer> wordSlots = new HashMap<>();
    private final Map<String, Integer> longSlots = new HashMap<>();
    private final Map<String, Integer> predicateSlots = new HashMap<>();
    private final Map<Integer, Integer> wordConstants = new HashMap<>();
    private final Map<Long, Integer> longConstants = new HashMap<>();
    private final Map<String, Long> sharedOffsets = new HashMap<>();
    private final Map<String, Long> parameterOffsets = new HashMap<>();
    private final Statements statements = new Statements(this);
    private Frame frame;
    private int frames;
    private int depth;
    private Statement statement;
    private List<Pending> pending;

    private Decoder(PtxModule module, Function<String, Allocation> deviceVariables) {
        this.module = module;
        this.deviceVariables = deviceVariables;
    }

    /**
     * Decodes a kernel.
     *
     * @param module parsed PTX
     * @param name name of the entry
     * @param deviceVariables allocations of the module's variables in device and constant memory
     * @return decoded kernel
     */
    static Kernel decode(PtxModule module, String name, Function<String, Allocation> deviceVariables) {
        return new Decoder(module, deviceVariables).kernel(module.functions().get(name));
    }

    private Kernel kernel(PtxModule.Function function) {
        kernel.name = function.name();
        kernel.file = module.file();
        kernel.maxThreads = function.maxThreads();
        kernel.maxRegisters = function.maxRegisters();
        kernel.special = new SpecialRegisters();
        parameters(function);
        sharedMemory(function);
        body(new Frame(function, ""));
        kernel.code = code.toArray(Instruction[]::new);
        kernel.words = words.toArray(int[][]::new);
        kernel.longs = longs.toArray(long[][]::new);
        kernel.predicateSlots = predicateSlots.size();
        return kernel;
    }

    private void parameters(PtxModule.Function function) {
        var list = new ArrayList<Parameter>();
        long offset = 0;
        for (Variable parameter : function.parameters()) {
            offset = align(offset, parameter.align());
            parameterOffsets.put(parameter.name(), offset);
            list.add(new Parameter(offset, parameter.bytes()));
            offset += parameter.bytes();
        }
        kernel.parameters = list;
        kernel.parameterBytes = (int) offset;
    }

    /** Lays out the shared variables of the module and of the kernel; dynamically sized ones come last. */
    private void sharedMemory(PtxModule.Function function) {
        var variables = new ArrayList<Variable>(module.variables());
        module.functions().values().stream().filter(f -> f == function || !f.entry()).forEach(f -> variables.addAll(f.variables()));
        variables.removeIf(v -> v.space() != Space.SHARED);
        long offset = SharedMemory.FIRST;
        for (Variable variable : variables) {
            if (variable.bytes() >= 0) {
                offset = align(offset, variable.align());
                sharedOffsets.put(variable.name(), offset);
                offset += variable.bytes();
            }
        }
        int align = variables.stream().filter(v -> v.bytes() < 0).mapToInt(Variable::align).max().orElse(1);
        offset = align(offset, align);
        for (Variable variable : variables) {
            if (variable.bytes() < 0) {
                sharedOffsets.put(variable.name(), offset);
            }
        }
        kernel.sharedBytes = (int) offset - SharedMemory.FIRST;
    }

    private static long align(long offset, int to) {
        return (offset + to - 1) / to * to;
    }

    /** Decodes the statements of a function and appends them to the code. */
    private void body(Frame of) {
        Frame outer = frame;
        List<Pending> outerPending = pending;
        frame = of;
        pending = new ArrayList<>();
        Fusing.check(module.file(), of.function);
        for (Variable variable : of.function.variables()) {
            if (variable.space() == Space.LOCAL || variable.space() == Space.PARAM) {
                localVariable(variable.name(), variable);
            }
        }
        List<Statement> list = of.function.statements();
        for (int i = 0; i < list.size(); i++) {
            of.starts[i] = code.size();
            statement = list.get(i);
            statements.decode(statement);
        }
        of.starts[list.size()] = code.size();
        statement = new Statement(list.isEmpty() ? of.function.line() : list.getLast().line(), null, "ret", List.of(), "}");
        statements.decode(statement);
        for (Pending branch : pending) {
            statement = branch.statement();
            int[] targets = branch.labels().stream().mapToInt(label -> of.starts[label(label)]).toArray();
            if (branch.branch() instanceof Control.BranchByIndex byIndex) {
                byIndex.targets = targets;
            } else {
                ((Control.Branch) branch.branch()).target = targets[0];
            }
        }
        for (Control.Branch branch : of.returns) {
            branch.target = code.size();
        }
        frame = outer;
        pending = outerPending;
    }

    private int label(String symbol) {
        for (String name : PtxBody.candidates(symbol)) {
            Integer at = frame.function.labels().get(name);
            if (at != null) {
                return at;
            }
        }
        throw error("no label " + symbol);
    }

    private void localVariable(String name, Variable variable) {
        long offset = align(kernel.localBytes, Math.max(variable.align(), 1));
        frame.localAddresses.put(name, offset);
        kernel.localBytes = (int) (offset + variable.bytes());
    }

    /** Inlines a function; its parameters are the variables that the caller names. */
    void call(String name, List<String> results, List<String> arguments) {
        PtxModule.Function callee = module.functions().get(name);
        if (callee == null || callee.statements().isEmpty()) {
            throw error("calls " + name + ", which the text does not define");
        }
        if (statement.guard() != null) {
            throw error("a call with a guard is not supported");
        }
        if (++depth > MAX_CALLS_DEEP) {
            throw error("calls nest deeper than " + MAX_CALLS_DEEP + ": recursion is not supported");
        }
        Statement calling = statement;
        var inner = new Frame(callee, "call" + ++frames + ":");
        bind(inner, callee.results(), results);
        bind(inner, callee.parameters(), arguments);
        body(inner);
        statement = calling;
        depth--;
    }

    private void bind(Frame inner, List<Variable> formal, List<String> actual) {
        if (formal.size() != actual.size()) {
            throw error("calls " + inner.function.name() + " with " + actual.size() + " values for " + formal.size());
        }
        for (int i = 0; i < formal.size(); i++) {
            inner.localAddresses.put(formal.get(i).name(), localAddress(actual.get(i)));
        }
    }

    /** {@code ret}: ends the thread, or continues after the inlined call. */
    void returns() {
        if (depth == 0) {
            emit(new Control.End());
        } else {
            var branch = new Control.Branch();
            frame.returns.add(branch);
            emit(branch);
        }
    }

    /** Appends an instruction with the guard of the statement. */
    <T extends Instruction> T emit(T instruction) {
        instruction.line = statement.line();
        instruction.text = statement.text();
        if (statement.guard() != null) {
            instruction.guard = predicate(statement.guard());
        }
        code.add(instruction);
        instruction.next = code.size();
        return instruction;
    }

    /** Appends a branch. */
    void branch(Instruction branch, List<String> labels) {
        emit(branch);
        pending.add(new Pending(branch, labels, statement));
    }

    /** Returns the labels of a list of branch targets. */
    List<String> branchTargets(String symbol) {
        for (String name : PtxBody.candidates(symbol)) {
            List<String> targets = frame.function.branchTargets().get(name);
            if (targets != null) {
                return targets;
            }
        }
        throw error("no list of branch targets " + symbol);
    }

    Kernel kernel() {
        return kernel;
    }

    PtxException error(String message) {
        return new PtxException(module.file(), statement.line(), message + " in `" + statement.text() + "`");
    }

    // Slots

    int predicate(Operand operand) {
        if (operand instanceof Operand.Register register && register.file() == Operand.File.PREDICATE) {
            int slot = predicateSlots.computeIfAbsent(frame.prefix + register.name(), _ -> predicateSlots.size());
            return register.negated() ? ~slot : slot;
        }
        if (operand instanceof Operand.Literal literal) {
            // This predicate is never written, so it is false and its negation true.
            return literal.bits() == 0 ? hiddenPredicate("%false") : ~hiddenPredicate("%false");
        }
        throw error(operand + " is not a predicate");
    }

    /** Returns the slot of a predicate without a name in the PTX, such as the carry. */
    int hiddenPredicate(String name) {
        return predicateSlots.computeIfAbsent(name, _ -> predicateSlots.size());
    }

    /** Returns the slot of a 32-bit operand: a register, a constant or an address; literals may be read as f32. */
    int word(Operand operand, OpTable.Kind kind) {
        switch (operand) {
            case Operand.Register register when register.file() == Operand.File.WORD -> {
                return wordSlots.computeIfAbsent(frame.prefix + register.name(), _ -> newWord(null));
            }
            case Operand.Literal literal -> {
                return constant(switch (literal.kind()) {
                    case INTEGER, F32 -> (int) literal.bits();
                    case F64 -> Float.floatToRawIntBits((float) Double.longBitsToDouble(literal.bits()));
                });
            }
            case Operand.Symbol symbol when SpecialRegisters.known(symbol.name()) -> {
                return wordSlots.computeIfAbsent(symbol.name(), name -> {
                    int slot = newWord(null);
                    kernel.special.useWord(name, slot);
                    return slot;
                });
            }
            case Operand.Symbol symbol -> {
                return constant((int) address(symbol.name()));
            }
            case Operand.Address address when address.base() instanceof Operand.Symbol symbol -> {
                return constant((int) (address(symbol.name()) + address.offset()));
            }
            default -> throw error(operand + " is not an operand of up to 32 bits");
        }
    }

    int word(Operand operand) {
        return word(operand, OpTable.Kind.W);
    }

    /** Returns the slot of a 64-bit operand; literals of kind D become the bits of an f64. */
    int longWord(Operand operand, OpTable.Kind kind) {
        switch (operand) {
            case Operand.Register register when register.file() == Operand.File.LONG -> {
                return longSlots.computeIfAbsent(frame.prefix + register.name(), _ -> newLong(null));
            }
            case Operand.Literal literal -> {
                return longConstant(literal.kind() == Operand.Literal.Kind.F32 && kind == OpTable.Kind.D
                        ? Double.doubleToRawLongBits(Float.intBitsToFloat((int) literal.bits())) : literal.bits());
            }
            case Operand.Symbol symbol when SpecialRegisters.known(symbol.name()) -> {
                return longSlots.computeIfAbsent(symbol.name(), name -> {
                    int slot = newLong(null);
                    kernel.special.useLong(name, slot);
                    return slot;
                });
            }
            case Operand.Symbol symbol -> {
                return longConstant(address(symbol.name()));
            }
            case Operand.Address address when address.base() instanceof Operand.Symbol symbol -> {
                return longConstant(address(symbol.name()) + address.offset());
            }
            default -> throw error(operand + " is not an operand of 64 bits");
        }
    }

    int longWord(Operand operand) {
        return longWord(operand, OpTable.Kind.L);
    }

    /** Returns the slot of an operand of a kind. */
    int slot(Operand operand, OpTable.Kind kind) {
        return kind == OpTable.Kind.L || kind == OpTable.Kind.D ? longWord(operand, kind) : word(operand, kind);
    }

    /** Returns the slot of a destination of a kind; {@code _} takes a slot that is never read. */
    int destination(Operand operand, OpTable.Kind kind) {
        if (isSink(operand)) {
            return kind == OpTable.Kind.L || kind == OpTable.Kind.D ? newLong(null) : newWord(null);
        }
        if (operand instanceof Operand.Register) {
            return slot(operand, kind);
        }
        throw error(operand + " is not a register");
    }

    static boolean isSink(Operand operand) {
        return operand instanceof Operand.Symbol symbol && symbol.name().split("#")[0].equals("_");
    }

    int constant(int value) {
        return wordConstants.computeIfAbsent(value, v -> {
            int[] lanes = new int[Warp.LANES];
            Arrays.fill(lanes, v);
            return newWord(lanes);
        });
    }

    int longConstant(long value) {
        return longConstants.computeIfAbsent(value, v -> {
            long[] lanes = new long[Warp.LANES];
            Arrays.fill(lanes, v);
            return newLong(lanes);
        });
    }

    int newWord(int[] constant) {
        words.add(constant);
        return words.size() - 1;
    }

    int newLong(long[] constant) {
        longs.add(constant);
        return longs.size() - 1;
    }

    // Variables

    /** Returns whether a symbol is a parameter of the kernel. */
    boolean isParameter(String symbol) {
        return depth == 0 && PtxBody.candidates(symbol).stream().anyMatch(parameterOffsets::containsKey);
    }

    /** Returns whether a symbol is in local memory; the parameters of functions are. */
    boolean isLocal(String symbol) {
        return PtxBody.candidates(symbol).stream().anyMatch(frame.localAddresses::containsKey);
    }

    private long localAddress(String symbol) {
        for (String name : PtxBody.candidates(symbol)) {
            Long address = frame.localAddresses.get(name);
            if (address != null) {
                return address;
            }
        }
        throw error("no variable " + symbol);
    }

    /** Returns the address of a variable in its state space. */
    long address(String symbol) {
        if (isLocal(symbol)) {
            return localAddress(symbol);
        }
        for (String name : PtxBody.candidates(symbol)) {
            if (depth == 0 && parameterOffsets.containsKey(name)) {
                return parameterOffsets.get(name);
            }
            if (sharedOffsets.containsKey(name)) {
                return sharedOffsets.get(name);
            }
            Allocation allocation = deviceVariables.apply(name);
            if (allocation != null) {
                return allocation.base;
            }
        }
        throw error("no variable " + symbol);
    }
}
