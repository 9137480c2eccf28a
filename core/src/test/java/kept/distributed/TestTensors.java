package kept.distributed;

import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import kept.tensor.DType;
import kept.tensor.Tensor;

/** Tensors of numbers whose sums depend on the order of the additions. */
final class TestTensors {
    private TestTensors() {}

    static Tensor leaf(long leaf, DType dtype, long length) {
        var random = new SplittableRandom(1000 + leaf);
        float[] values = new float[(int) length];
        for (int i = 0; i < length; i++) {
            values[i] = (float) (random.nextGaussian() * Math.exp(3 * random.nextGaussian()));
        }
        return Tensor.of(values).cast(dtype);
    }

    /** The sum over the tree in plain Java: in F32, rounded to the dtype after every addition. */
    static byte[] treeSum(long leaves, DType dtype, long length) {
        float[] sum = ReferenceTree.sum(leaves, leaf -> leaf(leaf, dtype, length).toFloatArray(), (left, right) -> {
            float[] result = new float[left.length];
            for (int i = 0; i < result.length; i++) {
                result[i] = rounded(left[i] + right[i], dtype);
            }
            return result;
        });
        return bytes(Tensor.of(sum).cast(dtype));
    }

    private static float rounded(float value, DType dtype) {
        if (dtype == DType.F32) {
            return value;
        }
        int bits = Float.floatToRawIntBits(value);
        return Float.intBitsToFloat(bits + 0x7fff + (bits >>> 16 & 1) & 0xffff0000);
    }

    static byte[] bytes(Tensor tensor) {
        byte[] bytes = new byte[(int) (tensor.elementCount() * tensor.dtype().bytes())];
        tensor.download(MemorySegment.ofArray(bytes));
        return bytes;
    }
}
