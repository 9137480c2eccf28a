package kept.cuda.virtual;

/** {@code ldmatrix}, {@code movmatrix} and {@code mma}, which all lanes of a warp execute together. */
final class MatrixOps {
    private MatrixOps() {}

    /** An instruction that all lanes of the warp execute together. */
    abstract static class WholeWarp extends MemoryAccess {
        @Override
        int execute(Warp warp, int mask) {
            if (mask != Warp.ALL) {
                if (warp.live != Warp.ALL) {
                    throw warp.fault(Integer.numberOfTrailingZeros(mask),
                            "needs a whole warp; lanes 0x%08x do not exist or have exited".formatted(~warp.live));
                }
                return warp.await(mask, next);
            }
            run(warp);
            return next;
        }

        abstract void run(Warp warp);
    }

    /** {@code ldmatrix} of 1, 2 or 4 matrices of 8 rows of 16 bytes; lane 8 i + r supplies the address of row r of matrix i. */
    static final class LoadMatrix extends WholeWarp {
        int[] slots;
        boolean transposed;

        LoadMatrix() {
            bytes = 16;
        }

        /** {@inheritDoc} Lanes beyond the rows of the matrices have no address. */
        @Override
        void count(Warp warp, int mask, Counts counts) {
            countAddresses(warp, slots.length == 4 ? mask : mask & (1 << 8 * slots.length) - 1, counts, false);
        }

        @Override
        void run(Warp warp) {
            byte[] data = warp.block.shared().data();
            int[] rows = new int[8];
            for (int matrix = 0; matrix < slots.length; matrix++) {
                for (int row = 0; row < 8; row++) {
                    resolveRead(warp, 8 * matrix + row);
                    rows[row] = warp.at;
                }
                int[] result = warp.words[slots[matrix]];
                for (int lane = 0; lane < Warp.LANES; lane++) {
                    int g = lane >> 2;
                    int t = lane & 3;
                    int low = Bytes.getShort(data, rows[2 * t] + 2 * g) & 0xffff;
                    int high = Bytes.getShort(data, rows[2 * t + 1] + 2 * g) << 16;
                    result[lane] = transposed ? low | high : Bytes.getInt(data, rows[g] + 4 * t);
                }
            }
        }
    }

    /** {@code movmatrix.trans}: transposes an 8 x 8 matrix of 16-bit elements that is distributed over the warp. */
    static final class TransposeMatrix extends WholeWarp {
        @Override
        void count(Warp warp, int mask, Counts counts) {
            // It accesses no memory.
        }

        int d;
        int a;

        @Override
        void run(Warp warp) {
            int[] source = warp.words[a].clone();
            int[] result = warp.words[d];
            for (int lane = 0; lane < Warp.LANES; lane++) {
                int low = element(source, 2 * (lane & 3), lane >> 2);
                int high = element(source, 2 * (lane & 3) + 1, lane >> 2);
                result[lane] = low | high << 16;
            }
        }

        private static int element(int[] matrix, int row, int column) {
            return matrix[4 * row + (column >> 1)] >>> 16 * (column & 1) & 0xffff;
        }
    }

    /** Element types of the operands a and b of {@code mma}. */
    enum Factor { F16, BF16, TF32 }

    /**
     * {@code mma.sync} of 16 x 8 results in f32. Each result is its addend plus the products in ascending order of k with one rounding each; hardware
     * uses an unspecified order.
     */
    static final class Multiply extends WholeWarp {
        private static final int ROWS_TIMES_COLUMNS = 16 * 8;

        @Override
        void count(Warp warp, int mask, Counts counts) {
            counts.multiplyAdds((long) ROWS_TIMES_COLUMNS * k);
        }

        Factor factor;
        int k;
        int[] a;
        int[] b;
        int[] c;
        int[] d;

        @Override
        void run(Warp warp) {
            float[] left = new float[16 * k];
            float[] right = new float[k * 8];
            float[] sums = new float[16 * 8];
            unpack(warp, a, left, true);
            unpack(warp, b, right, false);
            for (int lane = 0; lane < Warp.LANES; lane++) {
                for (int i = 0; i < 4; i++) {
                    sums[result(lane, i)] = Float.intBitsToFloat(warp.words[c[i]][lane]);
                }
            }
            multiply(left, right, sums, k);
            for (int i = 0; i < 4; i++) {
                int[] values = warp.words[d[i]];
                for (int lane = 0; lane < Warp.LANES; lane++) {
                    values[lane] = FloatLoops.bits(sums[result(lane, i)]);
                }
            }
        }

        /** Returns the index of a lane's i-th result in the 16 x 8 matrix. */
        private static int result(int lane, int i) {
            return ((lane >> 2) + 8 * (i >> 1)) * 8 + 2 * (lane & 3) + (i & 1);
        }

        private static void multiply(float[] left, float[] right, float[] sums, int k) {
            // The eight columns of a row are in local variables: this loop takes most of the time of an attention kernel.
            for (int row = 0; row < 8 * 16; row += 8) {
                float s0 = sums[row];
                float s1 = sums[row + 1];
                float s2 = sums[row + 2];
                float s3 = sums[row + 3];
                float s4 = sums[row + 4];
                float s5 = sums[row + 5];
                float s6 = sums[row + 6];
                float s7 = sums[row + 7];
                for (int j = 0; j < k; j++) {
                    float factor = left[row / 8 * k + j];
                    int at = 8 * j;
                    s0 += factor * right[at];
                    s1 += factor * right[at + 1];
                    s2 += factor * right[at + 2];
                    s3 += factor * right[at + 3];
                    s4 += factor * right[at + 4];
                    s5 += factor * right[at + 5];
                    s6 += factor * right[at + 6];
                    s7 += factor * right[at + 7];
                }
                sums[row] = s0;
                sums[row + 1] = s1;
                sums[row + 2] = s2;
                sums[row + 3] = s3;
                sums[row + 4] = s4;
                sums[row + 5] = s5;
                sums[row + 6] = s6;
                sums[row + 7] = s7;
            }
        }

        /** Collects the registers of operand a into 16 rows of k, or of operand b into k rows of 8. */
        private void unpack(Warp warp, int[] slots, float[] to, boolean isLeft) {
            boolean narrow = factor != Factor.TF32;
            for (int i = 0; i < slots.length; i++) {
                // Registers of a alternate between the upper and the lower 8 rows, then advance along k.
                int row = isLeft ? 8 * (i & 1) : 0;
                int block = isLeft ? i >> 1 : i;
                int[] values = warp.words[slots[i]];
                for (int lane = 0; lane < Warp.LANES; lane++) {
                    int g = lane >> 2;
                    int t = lane & 3;
                    if (narrow) {
                        put(to, isLeft, row + g, 8 * block + 2 * t, widen(values[lane] & 0xffff));
                        put(to, isLeft, row + g, 8 * block + 2 * t + 1, widen(values[lane] >>> 16));
                    } else {
                        put(to, isLeft, row + g, 4 * block + t, Float.intBitsToFloat(values[lane] & 0xffffe000));
                    }
                }
            }
        }

        private void put(float[] to, boolean isLeft, int outer, int inner, float value) {
            to[isLeft ? outer * k + inner : inner * 8 + outer] = value;
        }

        private float widen(int bits) {
            return factor == Factor.BF16 ? Float.intBitsToFloat(bits << 16) : Float.float16ToFloat((short) bits);
        }
    }
}
