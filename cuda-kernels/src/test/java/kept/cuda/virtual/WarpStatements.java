package kept.cuda.virtual;

import java.util.List;
import java.util.Locale;
import kept.cuda.virtual.MemoryAccess.Space;
import kept.cuda.virtual.OpTable.Kind;
import kept.cuda.virtual.PtxModule.Statement;

/** Translates statements of warp-level and block-level synchronization and communication. */
final class WarpStatements {
    private final Decoder decoder;

    WarpStatements(Decoder decoder) {
        this.decoder = decoder;
    }

    /** Decodes a statement; returns false if its opcode is not one of these. */
    boolean decode(String[] words, Statement statement) {
        List<Operand> operands = statement.operands();
        return switch (words[0]) {
            case "shfl" -> words.length == 4 && words[1].equals("sync") && shuffle(words, operands);
            case "vote" -> words.length == 4 && words[1].equals("sync") && vote(words, operands);
            case "match" -> words.length == 4 && words[2].equals("sync") && match(words, operands);
            case "redux" -> words.length == 4 && reduce(words, operands);
            case "activemask" -> {
                decoder.emit(new WarpOps.ActiveMask()).d = decoder.destination(operands.getFirst(), Kind.W);
                yield true;
            }
            case "bar", "barrier" -> barrier(words, operands);
            case "ldmatrix" -> loadMatrix(words, operands);
            case "movmatrix" -> transposeMatrix(operands);
            case "mma" -> multiply(words, operands);
            default -> false;
        };
    }

    private boolean shuffle(String[] words, List<Operand> operands) {
        var shuffle = decoder.emit(new WarpOps.Shuffle());
        shuffle.mode = WarpOps.Shuffle.Mode.valueOf(words[2].toUpperCase(Locale.ROOT));
        Operand to = operands.getFirst();
        if (to instanceof Operand.Pair pair) {
            shuffle.valid = Decoder.isSink(pair.second()) ? -1 : decoder.predicate(pair.second());
            to = pair.first();
        }
        shuffle.d = decoder.destination(to, Kind.W);
        shuffle.a = decoder.word(operands.get(1));
        shuffle.b = decoder.word(operands.get(2));
        shuffle.c = decoder.word(operands.get(3));
        shuffle.members = decoder.word(operands.get(4));
        return true;
    }

    private boolean vote(String[] words, List<Operand> operands) {
        var vote = decoder.emit(new WarpOps.Vote());
        vote.mode = WarpOps.Vote.Mode.valueOf(words[2].toUpperCase(Locale.ROOT));
        vote.d = vote.mode == WarpOps.Vote.Mode.BALLOT ? decoder.destination(operands.get(0), Kind.W) : decoder.predicate(operands.get(0));
        vote.a = decoder.predicate(operands.get(1));
        vote.members = decoder.word(operands.get(2));
        return true;
    }

    private boolean match(String[] words, List<Operand> operands) {
        var match = decoder.emit(new WarpOps.Match());
        match.all = words[1].equals("all");
        match.isLong = words[3].equals("b64");
        Operand to = operands.getFirst();
        if (to instanceof Operand.Pair pair) {
            match.same = Decoder.isSink(pair.second()) ? -1 : decoder.predicate(pair.second());
            to = pair.first();
        }
        match.d = decoder.destination(to, Kind.W);
        match.a = decoder.slot(operands.get(1), match.isLong ? Kind.L : Kind.W);
        match.members = decoder.word(operands.get(2));
        return true;
    }

    private boolean reduce(String[] words, List<Operand> operands) {
        boolean signed = words[3].equals("s32");
        var reduce = new WarpOps.Reduce();
        reduce.operator = switch (words[2]) {
            case "add" -> Integer::sum;
            case "and" -> (a, b) -> a & b;
            case "or" -> (a, b) -> a | b;
            case "xor" -> (a, b) -> a ^ b;
            case "min" -> (a, b) -> (signed ? Integer.compare(a, b) : Integer.compareUnsigned(a, b)) < 0 ? a : b;
            case "max" -> (a, b) -> (signed ? Integer.compare(a, b) : Integer.compareUnsigned(a, b)) > 0 ? a : b;
            default -> null;
        };
        if (reduce.operator == null) {
            return false;
        }
        decoder.emit(reduce);
        reduce.d = decoder.destination(operands.get(0), Kind.W);
        reduce.a = decoder.word(operands.get(1));
        reduce.members = decoder.word(operands.get(2));
        return true;
    }

    private boolean barrier(String[] words, List<Operand> operands) {
        List<String> said = List.of(words).subList(1, words.length).stream().filter(w -> !w.equals("cta") && !w.equals("aligned")).toList();
        switch (said.getFirst()) {
            case "warp" -> {
                decoder.emit(new WarpOps.SynchroniseLanes()).members = decoder.word(operands.getFirst());
                return true;
            }
            case "sync", "arrive" -> {
                var barrier = decoder.emit(new WarpOps.Barrier());
                barrier.arriveOnly = said.getFirst().equals("arrive");
                barrier.barrier = decoder.word(operands.get(0));
                barrier.threads = operands.size() > 1 ? decoder.word(operands.get(1)) : -1;
                return true;
            }
            case "red" -> {
                var barrier = decoder.emit(new WarpOps.Barrier());
                barrier.barrier = decoder.word(operands.get(1));
                barrier.threads = operands.size() > 3 ? decoder.word(operands.get(2)) : -1;
                barrier.vote = decoder.predicate(operands.getLast());
                var result = decoder.emit(new WarpOps.BarrierResult());
                result.mode = WarpOps.BarrierResult.Mode.valueOf(said.get(1).toUpperCase(Locale.ROOT));
                result.d = result.mode == WarpOps.BarrierResult.Mode.POPC ? decoder.destination(operands.getFirst(), Kind.W)
                        : decoder.predicate(operands.getFirst());
                return true;
            }
            default -> {
                return false;
            }
        }
    }

    private boolean loadMatrix(String[] words, List<Operand> operands) {
        List<String> said = List.of(words);
        int count = said.contains("x4") ? 4 : said.contains("x2") ? 2 : said.contains("x1") ? 1 : 0;
        int[] slots = slots(operands.getFirst());
        if (!said.contains("m8n8") || !said.getLast().equals("b16") || slots.length != count) {
            return false;
        }
        var load = decoder.emit(new MatrixOps.LoadMatrix());
        load.space = words[words.length - 2].startsWith("shared") ? Space.SHARED : Space.GENERIC;
        load.transposed = said.contains("trans");
        load.slots = slots;
        new MemoryStatements(decoder).address(load, operands.get(1));
        return true;
    }

    private boolean transposeMatrix(List<Operand> operands) {
        var transpose = decoder.emit(new MatrixOps.TransposeMatrix());
        transpose.d = decoder.destination(operands.get(0), Kind.W);
        transpose.a = decoder.word(operands.get(1));
        return true;
    }

    private boolean multiply(String[] words, List<Operand> operands) {
        String opcode = String.join(".", words);
        var multiply = new MatrixOps.Multiply();
        switch (opcode.replaceFirst("mma\\.sync\\.aligned\\.", "")) {
            case "m16n8k16.row.col.f32.bf16.bf16.f32" -> shape(multiply, MatrixOps.Factor.BF16, 16);
            case "m16n8k16.row.col.f32.f16.f16.f32" -> shape(multiply, MatrixOps.Factor.F16, 16);
            case "m16n8k8.row.col.f32.bf16.bf16.f32" -> shape(multiply, MatrixOps.Factor.BF16, 8);
            case "m16n8k8.row.col.f32.f16.f16.f32" -> shape(multiply, MatrixOps.Factor.F16, 8);
            case "m16n8k8.row.col.f32.tf32.tf32.f32" -> shape(multiply, MatrixOps.Factor.TF32, 8);
            case "m16n8k4.row.col.f32.tf32.tf32.f32" -> shape(multiply, MatrixOps.Factor.TF32, 4);
            default -> {
                return false;
            }
        }
        decoder.emit(multiply);
        multiply.d = slots(operands.get(0));
        multiply.a = slots(operands.get(1));
        multiply.b = slots(operands.get(2));
        multiply.c = slots(operands.get(3));
        return true;
    }

    private static void shape(MatrixOps.Multiply multiply, MatrixOps.Factor factor, int k) {
        multiply.factor = factor;
        multiply.k = k;
    }

    private int[] slots(Operand operand) {
        return (operand instanceof Operand.Vector vector ? vector.elements() : List.of(operand)).stream()
                .mapToInt(element -> decoder.word(element, Kind.F)).toArray();
    }
}
