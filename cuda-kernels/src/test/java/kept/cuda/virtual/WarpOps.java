package kept.cuda.virtual;

/** Warp-level collectives and barriers. */
final class WarpOps {
    private WarpOps() {}

    /** A collective instruction, which waits until all lanes of its membermask have arrived. */
    abstract static class Collective extends Instruction {
        /** Slot of the membermask. */
        int members;

        @Override
        int execute(Warp warp, int mask) {
            int[] masks = warp.words[members];
            int missing = 0;
            for (int m = mask; m != 0; m &= m - 1) {
                int lane = Integer.numberOfTrailingZeros(m);
                int named = masks[lane];
                if ((named >> lane & 1) == 0) {
                    throw warp.fault(lane, "is not in its own mask 0x%08x".formatted(named));
                }
                if ((named & ~warp.live) != 0) {
                    throw warp.fault(lane, "names lanes 0x%08x in its mask, of which 0x%08x do not exist or have exited"
                            .formatted(named, named & ~warp.live));
                }
                missing |= named & ~mask;
            }
            if (missing != 0) {
                return warp.await(mask, next);
            }
            for (int rest = mask; rest != 0;) {
                int lane = Integer.numberOfTrailingZeros(rest);
                int group = masks[lane];
                for (int m = group; m != 0; m &= m - 1) {
                    int other = Integer.numberOfTrailingZeros(m);
                    if (masks[other] != group) {
                        throw warp.fault(other, "names the mask 0x%08x, lane %d names 0x%08x".formatted(masks[other], lane, group));
                    }
                }
                together(warp, group);
                rest &= ~group;
            }
            return next;
        }

        /** Executes the instruction for lanes that have all arrived. */
        abstract void together(Warp warp, int group);
    }

    /** {@code shfl.sync}. */
    static final class Shuffle extends Collective {
        /** Selection of the source lane. */
        enum Mode { UP, DOWN, BFLY, IDX }

        Mode mode;
        int d;
        int a;
        int b;
        int c;

        /** Slot of the predicate that receives whether the source lane is in range; negative for none. */
        int valid = -1;

        @Override
        void together(Warp warp, int group) {
            int[] source = warp.words[a].clone();
            int[] result = warp.words[d];
            int inRange = 0;
            for (int m = group; m != 0; m &= m - 1) {
                int lane = Integer.numberOfTrailingZeros(m);
                int delta = warp.words[b][lane] & 31;
                int clamp = warp.words[c][lane] & 31;
                int segment = warp.words[c][lane] >> 8 & 31;
                int lowest = lane & segment;
                int highest = lowest | clamp & ~segment;
                int from = switch (mode) {
                    case UP -> lane - delta;
                    case DOWN -> lane + delta;
                    case BFLY -> lane ^ delta;
                    case IDX -> lowest | delta & ~segment;
                };
                boolean within = mode == Mode.UP ? from >= highest : from <= highest;
                if (within) {
                    inRange |= 1 << lane;
                } else {
                    from = lane;
                }
                if ((group >> from & 1) == 0) {
                    throw warp.fault(lane, "takes a value from lane %d, which is not in the mask 0x%08x".formatted(from, group));
                }
                result[lane] = source[from];
            }
            if (valid >= 0) {
                warp.setPredicate(valid, inRange, group);
            }
        }
    }

    /** {@code vote.sync}. */
    static final class Vote extends Collective {
        /** Kind of the result. */
        enum Mode { ALL, ANY, UNI, BALLOT }

        Mode mode;

        /** Slot of the result: a predicate, or a word for the ballot. */
        int d;
        int a;

        @Override
        void together(Warp warp, int group) {
            int truths = warp.predicate(a) & group;
            switch (mode) {
                case BALLOT -> WarpOps.fill(warp.words[d], group, truths);
                case ALL -> warp.setPredicate(d, truths == group ? -1 : 0, group);
                case ANY -> warp.setPredicate(d, truths != 0 ? -1 : 0, group);
                case UNI -> warp.setPredicate(d, truths == group || truths == 0 ? -1 : 0, group);
            }
        }
    }

    /** {@code match.sync} of 32 or 64 bits. */
    static final class Match extends Collective {
        boolean all;
        boolean isLong;
        int d;
        int a;

        /** Slot of the predicate of {@code match.all}; negative for none. */
        int same = -1;

        @Override
        void together(Warp warp, int group) {
            for (int m = group; m != 0; m &= m - 1) {
                int lane = Integer.numberOfTrailingZeros(m);
                int equal = 0;
                for (int n = group; n != 0; n &= n - 1) {
                    int other = Integer.numberOfTrailingZeros(n);
                    equal |= value(warp, lane) == value(warp, other) ? 1 << other : 0;
                }
                warp.words[d][lane] = all && equal != group ? 0 : equal;
                if (same >= 0) {
                    warp.setPredicate(same, equal == group ? -1 : 0, 1 << lane);
                }
            }
        }

        private long value(Warp warp, int lane) {
            return isLong ? warp.longs[a][lane] : warp.words[a][lane];
        }
    }

    /** {@code redux.sync}. */
    static final class Reduce extends Collective {
        java.util.function.IntBinaryOperator operator;
        int d;
        int a;

        @Override
        void together(Warp warp, int group) {
            int first = Integer.numberOfTrailingZeros(group);
            int result = warp.words[a][first];
            for (int m = group & group - 1; m != 0; m &= m - 1) {
                result = operator.applyAsInt(result, warp.words[a][Integer.numberOfTrailingZeros(m)]);
            }
            fill(warp.words[d], group, result);
        }
    }

    /** {@code bar.warp.sync}: orders the lanes' memory accesses before and after it. */
    static final class SynchroniseLanes extends Collective {
        @Override
        void together(Warp warp, int group) {
            warp.block.clock().synchroniseLanes(warp, group);
        }
    }

    /** {@code activemask}. */
    static final class ActiveMask extends Instruction {
        int d;

        @Override
        int execute(Warp warp, int mask) {
            fill(warp.words[d], mask, mask);
            return next;
        }
    }

    /** {@code bar.sync}, {@code bar.arrive} and {@code barrier.sync}. */
    static final class Barrier extends Instruction {
        /** Slot of the number of the barrier. */
        int barrier;

        /** Slot of the number of threads to wait for; negative for all threads of the block. */
        int threads = -1;
        boolean arriveOnly;

        /** Slot of the predicate that {@code bar.red} reduces; {@link Instruction#ALWAYS} for none. */
        int vote = ALWAYS;

        @Override
        int execute(Warp warp, int mask) {
            int lane = Integer.numberOfTrailingZeros(mask);
            int number = warp.words[barrier][lane];
            if (number < 0 || number > 15) {
                throw warp.fault(lane, "names barrier %d; there are 16".formatted(number));
            }
            int count = threads < 0 ? 0 : warp.words[threads][lane];
            if (count % Warp.LANES != 0) {
                throw warp.fault(lane, "waits for %d threads at a barrier, but must wait for a multiple of the warp size".formatted(count));
            }
            if (mask != warp.live) {
                return warp.stopAtBarrier(number, mask, next);
            }
            warp.block.arrive(warp, number, count);
            if (vote != ALWAYS) {
                warp.block.vote(number, Integer.bitCount(mask), Integer.bitCount(warp.predicate(vote) & mask));
            }
            return arriveOnly ? next : warp.stopAtBarrier(number, mask, next);
        }
    }

    /** Follows a barrier with a reduction and stores its result. */
    static final class BarrierResult extends Instruction {
        /** Kind of the result. */
        enum Mode { POPC, AND, OR }

        Mode mode;
        int d;

        @Override
        int execute(Warp warp, int mask) {
            switch (mode) {
                case POPC -> fill(warp.words[d], mask, warp.barrierVotes);
                case AND -> warp.setPredicate(d, warp.barrierVotes == warp.barrierVoters ? -1 : 0, mask);
                case OR -> warp.setPredicate(d, warp.barrierVotes != 0 ? -1 : 0, mask);
            }
            return next;
        }
    }

    private static void fill(int[] values, int mask, int value) {
        for (int m = mask; m != 0; m &= m - 1) {
            values[Integer.numberOfTrailingZeros(m)] = value;
        }
    }
}
