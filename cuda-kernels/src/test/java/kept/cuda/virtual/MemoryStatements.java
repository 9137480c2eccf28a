package kept.cuda.virtual;

import java.util.List;
import java.util.Set;
import kept.cuda.virtual.MemoryAccess.Space;
import kept.cuda.virtual.OpTable.Kind;
import kept.cuda.virtual.PtxModule.Statement;

/** Translates statements that access memory. */
final class MemoryStatements {
    /** Modifiers without an effect here: cache operators, and memory orders, since accesses run one after the other. */
    private static final Set<String> HINTS = Set.of("weak", "volatile", "relaxed", "acquire", "release", "acq_rel", "cta", "cluster", "gpu", "sys",
            "nc", "ca", "cg", "cs", "lu", "cv", "wb", "wt", "noftz");

    private final Decoder decoder;

    MemoryStatements(Decoder decoder) {
        this.decoder = decoder;
    }

    /** Decodes a statement; returns false if its opcode is not one of these. */
    boolean decode(String[] words, Statement statement) {
        List<Operand> operands = statement.operands();
        switch (words[0]) {
            case "ld", "ldu" -> {
                return transfer(new MemoryOps.Load(), words, operands.get(1), operands.get(0));
            }
            case "st" -> {
                return transfer(new MemoryOps.Store(), words, operands.get(0), operands.get(1));
            }
            case "atom", "red" -> {
                return atomic(words, operands);
            }
            case "cp" -> {
                return words.length > 2 && words[1].equals("async") && copyAsync(words, operands);
            }
            case "membar", "fence" -> decoder.emit(new MemoryOps.Fence());
            case "prefetch", "prefetchu", "discard", "applypriority", "nanosleep" -> decoder.emit(new Control.NoOp());
            default -> {
                return false;
            }
        }
        return true;
    }

    private static Space space(String word) {
        return switch (word) {
            case "global", "const" -> Space.DEVICE;
            case "shared", "shared::cta" -> Space.SHARED;
            case "local" -> Space.LOCAL;
            case "param" -> Space.PARAMETER;
            default -> null;
        };
    }

    /** Sets the address of an access. */
    void address(MemoryAccess access, Operand operand) {
        if (!(operand instanceof Operand.Address address)) {
            throw decoder.error(operand + " is not an address");
        }
        access.offset = address.offset();
        switch (address.base()) {
            case null -> { }
            case Operand.Register register when register.file() == Operand.File.LONG -> access.longBase = decoder.longWord(register);
            case Operand.Register register -> access.wordBase = decoder.word(register);
            case Operand.Symbol symbol -> {
                access.offset += decoder.address(symbol.name());
                if (access.space == Space.PARAMETER && !decoder.isParameter(symbol.name())) {
                    access.space = Space.LOCAL;
                } else if (access.space == Space.GENERIC) {
                    throw decoder.error("a generic access to a variable by its name");
                }
            }
            default -> throw decoder.error(address.base() + " cannot be the base of an address");
        }
        if (access.space == Space.SHARED || access.space == Space.GENERIC) {
            decoder.kernel().sharedGranule = Math.min(decoder.kernel().sharedGranule, access.bytes);
        }
        if (access.space == Space.DEVICE || access.space == Space.GENERIC) {
            decoder.kernel().deviceGranule = Math.min(decoder.kernel().deviceGranule, access.bytes);
        }
    }

    private boolean transfer(MemoryOps.Transfer access, String[] words, Operand place, Operand values) {
        access.space = Space.GENERIC;
        String type = words[words.length - 1];
        for (int i = 1; i < words.length - 1; i++) {
            Space space = space(words[i]);
            if (space != null) {
                access.space = space;
                access.isConstant = words[i].equals("const");
            } else if (!HINTS.contains(words[i]) && !words[i].contains("::") && !words[i].matches("v[24]")) {
                return false;
            }
        }
        if (!type.matches("[bus](8|16|32|64)|f(16|32|64)|bf16")) {
            return false;
        }
        access.width = Integer.parseInt(type.replaceAll("\\D", "")) / 8;
        List<Operand> elements = values instanceof Operand.Vector vector ? vector.elements() : List.of(values);
        access.bytes = access.width * elements.size();
        access.slots = new int[elements.size()];
        access.isLong = new boolean[elements.size()];
        decoder.emit(access);
        for (int i = 0; i < access.slots.length; i++) {
            Operand element = elements.get(i);
            access.isLong[i] = element instanceof Operand.Register register ? register.file() == Operand.File.LONG : access.width == 8;
            boolean skipped = access instanceof MemoryOps.Load && Decoder.isSink(element);
            access.slots[i] = skipped ? -1 : decoder.slot(element, access.isLong[i] ? Kind.L : type.equals("f32") ? Kind.F : Kind.W);
        }
        if (access instanceof MemoryOps.Load load) {
            load.signed = type.startsWith("s");
        }
        address(access, place);
        return true;
    }

    private boolean atomic(String[] words, List<Operand> operands) {
        var access = new AtomicOp();
        access.space = Space.GENERIC;
        String operation = null;
        for (int i = 1; i < words.length - 1; i++) {
            Space space = space(words[i]);
            if (space != null) {
                access.space = space;
            } else if (!HINTS.contains(words[i]) && !words[i].contains("::")) {
                operation = words[i];
            }
        }
        String type = words[words.length - 1];
        access.update = operation == null ? null : AtomicUpdates.find(operation, type);
        if (access.update == null || operands.getLast() instanceof Operand.Vector) {
            return false;
        }
        access.bytes = type.endsWith("x2") ? 4 : Integer.parseInt(type.replaceAll("\\D", "")) / 8;
        access.isLong = access.bytes == 8;
        boolean answers = words[0].equals("atom");
        decoder.emit(access);
        Kind kind = access.isLong ? type.equals("f64") ? Kind.D : Kind.L : type.equals("f32") ? Kind.F : Kind.W;
        int at = answers ? 1 : 0;
        if (answers && !Decoder.isSink(operands.getFirst())) {
            access.d = decoder.destination(operands.getFirst(), kind);
        }
        access.a = decoder.slot(operands.get(at + 1), kind);
        if (operands.size() > at + 2) {
            access.b = decoder.slot(operands.get(at + 2), kind);
        }
        address(access, operands.get(at));
        decoder.kernel().ordersBlocks |= access.space != Space.SHARED;
        return true;
    }

    private boolean copyAsync(String[] words, List<Operand> operands) {
        switch (words[2]) {
            case "commit_group" -> decoder.emit(new MemoryOps.CommitGroup());
            case "wait_group" -> decoder.emit(new MemoryOps.WaitGroup()).but = literal(operands.getFirst());
            case "wait_all" -> decoder.emit(new MemoryOps.WaitGroup()).but = -1;
            case "ca", "cg" -> {
                if (!words[3].startsWith("shared") || !words[4].equals("global")) {
                    return false;
                }
                var copy = decoder.emit(new MemoryOps.CopyAsync());
                copy.space = Space.SHARED;
                copy.bytes = literal(operands.get(2));
                if (copy.bytes != 16 && (words[2].equals("cg") || copy.bytes != 4 && copy.bytes != 8)) {
                    throw decoder.error("cp.async of " + copy.bytes + " bytes is not supported");
                }
                decoder.kernel().deviceGranule = Math.min(decoder.kernel().deviceGranule, copy.bytes);
                address(copy, operands.get(0));
                if (!(operands.get(1) instanceof Operand.Address(Operand.Register base, long offset))) {
                    throw decoder.error("no source address");
                }
                copy.source = decoder.longWord(base);
                copy.sourceOffset = offset;
                for (Operand more : operands.subList(3, operands.size())) {
                    if (more instanceof Operand.Register register && register.file() == Operand.File.PREDICATE) {
                        copy.ignore = decoder.predicate(more);
                    } else if (!(more instanceof Operand.Register register) || register.file() == Operand.File.WORD) {
                        copy.given = decoder.word(more);
                    }
                }
            }
            default -> {
                return false;
            }
        }
        return true;
    }

    private int literal(Operand operand) {
        if (operand instanceof Operand.Literal literal) {
            return (int) literal.bits();
        }
        throw decoder.error(operand + " is not a number");
    }
}
