package kept.torch;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import kept.tensor.DType;
import kept.weights.TensorSpec;

/**
 * Writes the pickle of a state dictionary, protocol 2: an {@code OrderedDict} of {@code _rebuild_tensor_v2} calls, each with its own storage, whose
 * key is the tensor's index. {@link TorchPickle} is the reader.
 */
final class TorchPickleWriter {
    private static final byte PROTOCOL = (byte) 0x80;
    private static final byte TUPLE_OF_ONE = (byte) 0x85;
    private static final byte TUPLE_OF_TWO = (byte) 0x86;
    private static final byte FALSE = (byte) 0x89;
    private static final byte LONG = (byte) 0x8a;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    private TorchPickleWriter() { }

    static byte[] write(List<TensorSpec> tensors) {
        var pickle = new TorchPickleWriter();
        pickle.codes(PROTOCOL, (byte) 2);
        pickle.orderedDictionary();
        pickle.codes((byte) '(');
        for (int key = 0; key < tensors.size(); key++) {
            pickle.text(tensors.get(key).name());
            pickle.tensor(tensors.get(key), Integer.toString(key));
        }
        pickle.codes((byte) 'u', (byte) '.');
        return pickle.out.toByteArray();
    }

    private void tensor(TensorSpec spec, String key) {
        global("torch._utils", "_rebuild_tensor_v2");
        codes((byte) '(', (byte) '(');
        text("storage");
        global("torch", storage(spec.dtype()));
        text(key);
        text("cpu");
        number(spec.shape().elementCount());
        codes((byte) 't', (byte) 'Q');
        number(0);
        long[] extents = spec.shape().toArray();
        numbers(extents);
        numbers(strides(extents));
        codes(FALSE);
        orderedDictionary();
        codes((byte) 't', (byte) 'R');
    }

    private void orderedDictionary() {
        global("collections", "OrderedDict");
        codes((byte) ')', (byte) 'R');
    }

    private static String storage(DType dtype) {
        return switch (dtype) {
            case F32 -> "FloatStorage";
            case BF16 -> "BFloat16Storage";
            case F16 -> "HalfStorage";
            case I32 -> "IntStorage";
            case I64 -> "LongStorage";
            case F64 -> "DoubleStorage";
            case U8 -> "ByteStorage";
            case BOOL -> "BoolStorage";
        };
    }

    private static long[] strides(long[] extents) {
        long[] strides = new long[extents.length];
        long stride = 1;
        for (int axis = extents.length - 1; axis >= 0; axis--) {
            strides[axis] = stride;
            stride *= extents[axis];
        }
        return strides;
    }

    private void numbers(long[] values) {
        if (values.length > 2) {
            codes((byte) '(');
        }
        for (long value : values) {
            number(value);
        }
        codes(switch (values.length) {
            case 0 -> (byte) ')';
            case 1 -> TUPLE_OF_ONE;
            case 2 -> TUPLE_OF_TWO;
            default -> (byte) 't';
        });
    }

    private void number(long value) {
        if (value < 1 << 8) {
            codes((byte) 'K', (byte) value);
        } else if (value <= Integer.MAX_VALUE) {
            codes((byte) 'J');
            out.writeBytes(little(Integer.BYTES).putInt((int) value).array());
        } else {
            codes(LONG, (byte) Long.BYTES);
            out.writeBytes(little(Long.BYTES).putLong(value).array());
        }
    }

    private void text(String value) {
        byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
        codes((byte) 'X');
        out.writeBytes(little(Integer.BYTES).putInt(bytes.length).array());
        out.writeBytes(bytes);
    }

    private void global(String module, String name) {
        codes((byte) 'c');
        out.writeBytes((module + "\n" + name + "\n").getBytes(StandardCharsets.US_ASCII));
    }

    private void codes(byte... codes) {
        out.writeBytes(codes);
    }

    private static ByteBuffer little(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }
}
