package kept.cuda.virtual;

/** Control flow instructions. */
final class Control {
    private Control() {}

    /** {@code bra}. */
    static final class Branch extends Instruction {
        int target;

        @Override
        int execute(Warp warp, int mask) {
            return warp.branch(mask, target, next);
        }
    }

    /** {@code brx.idx}: each lane branches to the target with its index. */
    static final class BranchByIndex extends Instruction {
        int index;
        int[] targets;

        @Override
        int execute(Warp warp, int mask) {
            int[] indices = warp.words[index];
            int rest = mask;
            int to = next;
            while (rest != 0) {
                int lane = Integer.numberOfTrailingZeros(rest);
                int chosen = indices[lane];
                if (chosen < 0 || chosen >= targets.length) {
                    throw warp.fault(lane, "branch index " + chosen + " exceeds the " + targets.length + " targets");
                }
                int same = 0;
                for (int m = rest; m != 0; m &= m - 1) {
                    int other = Integer.numberOfTrailingZeros(m);
                    same |= indices[other] == chosen ? 1 << other : 0;
                }
                rest &= ~same;
                to = warp.branch(same, targets[chosen], next);
            }
            return to;
        }
    }

    /** {@code exit}, and {@code ret} of a kernel. */
    static final class End extends Instruction {
        @Override
        int execute(Warp warp, int mask) {
            return warp.end(mask, next);
        }
    }

    /** {@code trap}, or a failed {@code assert}. */
    static final class Trap extends Instruction {
        String reason = "runs into a trap";

        @Override
        int execute(Warp warp, int mask) {
            throw warp.fault(Integer.numberOfTrailingZeros(mask), reason);
        }
    }

    /** Instructions without an effect here: hints, pauses, prefetches. */
    static final class NoOp extends Instruction {
        @Override
        int execute(Warp warp, int mask) {
            return next;
        }
    }
}
