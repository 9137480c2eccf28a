package kept.distributed.mpi;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/** A sum of the stand-in for MPI. It is there when all ranks have come to it, and is added from the last rank to the first. */
final class FakeSum {
    private final double[][] terms;
    private int[] counts;
    private boolean isDouble;

    FakeSum(int ranks) {
        terms = new double[ranks][];
    }

    /** Takes a rank's terms; returns null if it does not add what another does, which is undefined in MPI. */
    synchronized Part join(int rank, MemorySegment memory, boolean doubles, int... parts) {
        if (counts != null && (isDouble != doubles || !Arrays.equals(counts, parts))) {
            return null;
        }
        counts = parts;
        isDouble = doubles;
        terms[rank] = read(memory);
        return new Part(rank, memory);
    }

    private double[] read(MemorySegment memory) {
        double[] values = new double[(int) (memory.byteSize() / (isDouble ? Double.BYTES : Float.BYTES))];
        for (int i = 0; i < values.length; i++) {
            values[i] = isDouble ? memory.getAtIndex(ValueLayout.JAVA_DOUBLE, i) : memory.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        }
        return values;
    }

    /** What one rank waits for: its part of the sum, or all of it if there is one count. */
    final class Part implements FakeMpi.Awaited {
        private final int rank;
        private final MemorySegment memory;

        private Part(int rank, MemorySegment memory) {
            this.rank = rank;
            this.memory = memory;
        }

        @Override
        public boolean isDone() {
            synchronized (FakeSum.this) {
                if (Arrays.stream(terms).anyMatch(other -> other == null)) {
                    return false;
                }
                int first = 0;
                for (int before = 0; before < rank && counts.length > 1; before++) {
                    first += counts[before];
                }
                for (int i = 0; i < counts[counts.length > 1 ? rank : 0]; i++) {
                    write(i, sum(first + i));
                }
                return true;
            }
        }

        private double sum(int element) {
            double sum = terms[terms.length - 1][element];
            for (int other = terms.length - 2; other >= 0; other--) {
                sum = isDouble ? sum + terms[other][element] : (float) sum + (float) terms[other][element];
            }
            return sum;
        }

        private void write(int element, double value) {
            if (isDouble) {
                memory.setAtIndex(ValueLayout.JAVA_DOUBLE, element, value);
            } else {
                memory.setAtIndex(ValueLayout.JAVA_FLOAT, element, (float) value);
            }
        }
    }
}
