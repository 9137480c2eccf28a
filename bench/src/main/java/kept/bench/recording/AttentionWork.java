package kept.bench.recording;

import java.util.regex.Matcher;
import kept.bench.recording.Recording.Launch;

/** The work of attention kernels. Units are the pairs of a query and a key that a block computes, in whole tiles. */
final class AttentionWork {
    /** Queries, keys and values come first, each an address and three strides. */
    private static final int OPERANDS = 3 * 4 * 8;
    private static final int POINTER = 8;
    private static final int FLOAT = 4;
    /** Queries of a block forward, rows of a warp backward, and rows of the other side in a step. */
    private static final double FORWARD_ROWS = 128;
    private static final double WARP_ROWS = 16;
    private static final double STEP = 64;
    /** Keys of a block where blocks share the keys of a head. */
    private static final double SPLIT = 256;
    /** Sequences of the struct of operands of several sequences. */
    private static final int MAX_SEQUENCES = 8;

    private AttentionWork() {}

    /**
     * Derives the work of a launch.
     *
     * @param launch recorded launch
     * @param name kernel name: group 1 is the part of the backward pass or empty, 2 the head dimension or null, 3 the dtype
     * @return pairs, bytes and operations
     */
    static KernelWork of(Launch launch, Matcher name) {
        String part = name.group(1);
        boolean generic = name.group(2) == null;
        int bytes = name.group(3).equals("f32") ? FLOAT : 2;
        if (part.equals("delta_")) {
            return delta(launch, name, generic, bytes);
        }
        // Further addresses: out and statistics; or gradient, statistics, delta and one or two results.
        int results = part.equals("dkv_") ? 2 : 1;
        int at = OPERANDS + POINTER * (part.isEmpty() ? 2 : 3 + results);
        double queries = launch.arguments().intAt(at);
        double keys = launch.arguments().intAt(at + 4);
        double heads = launch.arguments().intAt(at + 8);
        double keyHeads = launch.arguments().intAt(at + 12);
        int width = generic ? launch.arguments().intAt(at + 16) : Integer.parseInt(name.group(2));
        double batch = launch.grid().z();
        // Query i of n sees all keys but the last n - 1 - i.
        double pairs = batch * heads * (queries * (keys - queries) + queries * (queries + 1) / 2);
        double rows = batch * heads * queries;
        double keyRows = batch * keyHeads * keys;
        int gradientBytes = generic ? FLOAT : bytes;
        double moved = width * bytes * (rows + 2 * keyRows) + switch (part) {
            case "dq_" -> rows * (width * (gradientBytes + FLOAT) + 2 * FLOAT);
            case "dkv_" -> rows * (width * gradientBytes + 2 * FLOAT) + keyRows * width * 2 * FLOAT;
            default -> rows * (width * bytes + FLOAT);
        };
        // Products of a pair: two forward; backward three for dq, four for dk and dv.
        int products = part.isEmpty() ? 2 : part.equals("dq_") ? 3 : 4;
        double units = generic ? pairs : batch * heads * tiles(part, queries, keys, launch.grid().threadsX() / 32);
        return new KernelWork(units, moved, generic ? 0 : 2.0 * products * width * pairs);
    }

    /** Pairs that the kernels on tensor cores compute for a head: a block owns some rows and takes 64 of the others at a time, up to the diagonal. */
    private static double tiles(String part, double queries, double keys, int warps) {
        double own = part.isEmpty() ? FORWARD_ROWS : WARP_ROWS * warps;
        double past = keys - queries;
        double pairs = 0;
        if (part.equals("dkv_")) {
            for (double first = 0; first < keys; first += own) {
                double hidden = Math.floor(Math.max(0, first - past) / STEP) * STEP;
                pairs += own * STEP * Math.ceil((queries - hidden) / STEP);
            }
        } else {
            for (double first = 0; first < queries; first += own) {
                pairs += own * STEP * Math.ceil(Math.min(keys, past + first + own) / STEP);
            }
        }
        return pairs;
    }

    /** Some keys of each head for each block; the results of each piece of 256 keys are written in f32, with two statistics. */
    static KernelWork split(Launch launch, int bytes) {
        int at = OPERANDS + 2 * POINTER;
        double queries = launch.arguments().intAt(at);
        double keys = launch.arguments().intAt(at + 4);
        double heads = launch.arguments().intAt(at + 8);
        double keyHeads = launch.arguments().intAt(at + 12);
        double width = launch.arguments().intAt(at + 16);
        double[] keysOfEach = keysOfEach(launch, at + 24, launch.grid().z(), keys);
        double pairs = 0;
        double moved = 0;
        for (double seen : keysOfEach) {
            pairs += heads * (queries * (seen - queries) + queries * (queries + 1) / 2);
            moved += width * bytes * (heads * queries + 2 * keyHeads * seen) + heads * queries * Math.ceil(seen / SPLIT) * (width + 2) * FLOAT;
        }
        return new KernelWork(pairs, moved, 0);
    }

    /** The keys of each sequence: those of a batch have the same number, others have theirs in a struct behind its count and three addresses each. */
    private static double[] keysOfEach(Launch launch, int struct, int batch, double keys) {
        int count = (int) launch.arguments().longAt(struct);
        double[] each = new double[batch];
        for (int i = 0; i < batch; i++) {
            each[i] = count == 0 ? keys : launch.arguments().longAt(struct + POINTER * (1 + 3 * MAX_SEQUENCES + i));
        }
        return each;
    }

    /** The results of all pieces, of which the output and one statistic is made. */
    static KernelWork combine(Launch launch, int bytes) {
        int at = 4 * POINTER;
        double queries = launch.arguments().intAt(at);
        double heads = launch.arguments().intAt(at + 8);
        double rows = launch.grid().x();
        double width = launch.arguments().intAt(at + 20);
        double pieces = 0;
        for (double keys : keysOfEach(launch, at + 24, (int) (rows / (heads * queries)), launch.arguments().intAt(at + 4))) {
            pieces += heads * queries * Math.ceil(keys / SPLIT);
        }
        return new KernelWork(pieces * width, pieces * (width + 2) * FLOAT + rows * (width * bytes + FLOAT), 0);
    }

    /** The sum of gradient times output for each query; on tensor cores the gradient is rounded as well. */
    private static KernelWork delta(Launch launch, Matcher name, boolean generic, int bytes) {
        int at = POINTER * (generic ? 3 : 4);
        double rows = launch.arguments().longAt(at);
        int width = generic ? launch.arguments().intAt(at + 16) : Integer.parseInt(name.group(2));
        return KernelWork.perElement(rows * width, FLOAT + bytes + (generic ? 0 : bytes));
    }
}
