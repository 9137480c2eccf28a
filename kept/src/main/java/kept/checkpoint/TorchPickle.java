package kept.checkpoint;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads the pickle of a state dictionary. A pickle is a program for a stack machine, which in Python may call anything; here it can name
 * {@link #KNOWN} constructors alone, each with one fixed meaning, and every other name, and every call of something else, is an error.
 *
 * <p>{@link PickleMachine} is the machine; this class knows what PyTorch says in it:
 *
 * <pre>
 *   {name: torch._utils._rebuild_tensor_v2(storage, offset, extents, strides, requires_grad, hooks), ...}
 *   storage = persistent id ("storage", torch.BFloat16Storage, key, device, elements)
 * </pre>
 */
final class TorchPickle implements PickleMachine.Constructors {
    private static final String TENSOR = "torch._utils._rebuild_tensor_v2";
    private static final String PARAMETER = "torch._utils._rebuild_parameter";
    private static final String DICTIONARY = "collections.OrderedDict";

    private static final Map<String, StoredType> STORAGES = Map.of("torch.BFloat16Storage", StoredType.BF16, "torch.HalfStorage", StoredType.F16,
        "torch.FloatStorage", StoredType.F32, "torch.DoubleStorage", StoredType.F64, "torch.LongStorage", StoredType.I64,
        "torch.IntStorage", StoredType.I32, "torch.ShortStorage", StoredType.I16, "torch.CharStorage", StoredType.I8,
        "torch.ByteStorage", StoredType.U8, "torch.BoolStorage", StoredType.BOOL);
    private static final List<String> KNOWN = List.of(TENSOR, PARAMETER, DICTIONARY, "torch.*Storage");

    /** The most axes that a tensor may have. */
    private static final int MOST_AXES = 64;

    private final PickleMachine machine;

    private TorchPickle(PickleMachine machine) {
        this.machine = machine;
    }

    /**
     * Where a tensor's elements are.
     *
     * @param type their type
     * @param key the storage's name in the archive
     * @param elements how many
     */
    record Storage(StoredType type, String key, long elements) { }

    /**
     * A tensor as it is described.
     *
     * @param storage where its elements are
     * @param offset the first one's number in the storage
     * @param extents its sizes
     * @param strides elements from one to the next, for each axis
     * @param place where in the file it is described
     */
    record Tensor(Storage storage, long offset, long[] extents, long[] strides, long place) { }

    /**
     * Reads a pickle.
     *
     * @param file the file's path, for errors
     * @param pickle the pickle
     * @param offset where it begins in the file, for errors
     * @return the tensors by name, in the pickle's order
     * @throws CheckpointException if it is damaged, asks for anything unknown, or is no dictionary of tensors
     */
    static Map<String, Tensor> read(Path file, MemorySegment pickle, long offset) {
        var machine = new PickleMachine(file, pickle, offset);
        Object result = machine.run(new TorchPickle(machine));
        if (!(result instanceof Map<?, ?> dictionary)) {
            throw machine.error("the file holds %s where a dictionary of tensors is expected: save model.state_dict()"
                .formatted(PickleMachine.describe(result)));
        }
        var tensors = new LinkedHashMap<String, Tensor>();
        dictionary.forEach((key, value) -> {
            if (!(key instanceof String name)) {
                throw machine.error("the dictionary of tensors has %s for a name".formatted(PickleMachine.describe(key)));
            }
            if (!(value instanceof Tensor tensor)) {
                throw machine.error("'%s' is %s, not a tensor: save model.state_dict() alone"
                    .formatted(CheckpointException.shorten(name), PickleMachine.describe(value)));
            }
            tensors.put(name, tensor);
        });
        return tensors;
    }

    @Override
    public void requireKnown(String name) {
        if (!STORAGES.containsKey(name) && !KNOWN.contains(name)) {
            throw machine.error("the file asks for '%s'; only tensors are read (%s), and nothing of a file's choice is run"
                .formatted(CheckpointException.shorten(name), String.join(", ", KNOWN)));
        }
    }

    @Override
    public Object call(String name, List<?> arguments) {
        return switch (name) {
            case TENSOR -> tensor(arguments);
            case PARAMETER -> {
                if (arguments.isEmpty() || !(arguments.getFirst() instanceof Tensor)) {
                    throw machine.error("a parameter without a tensor");
                }
                yield arguments.getFirst();
            }
            case DICTIONARY -> {
                if (!arguments.isEmpty()) {
                    throw machine.error("an OrderedDict made from something");
                }
                yield new LinkedHashMap<>();
            }
            default -> throw machine.error("'%s' is called, where only tensors, parameters and dictionaries are made".formatted(name));
        };
    }

    @Override
    public Object persistent(Object id) {
        if (id instanceof List<?> parts && parts.size() == 5 && "storage".equals(parts.getFirst()) && parts.get(1) instanceof PickleMachine.Name type
                && parts.get(2) instanceof String key && parts.get(4) instanceof Long elements && elements >= 0) {
            StoredType stored = STORAGES.get(type.text());
            if (stored == null) {
                throw machine.error("a storage of type '%s'".formatted(CheckpointException.shorten(type.text())));
            }
            return new Storage(stored, key, elements);
        }
        throw machine.error("a persistent id that is not a storage of PyTorch's");
    }

    private Tensor tensor(List<?> arguments) {
        if (arguments.size() >= 4 && arguments.getFirst() instanceof Storage storage && arguments.get(1) instanceof Long offset) {
            long[] extents = numbers(arguments.get(2));
            long[] strides = numbers(arguments.get(3));
            if (extents.length == strides.length) {
                return new Tensor(storage, offset, extents, strides, machine.place());
            }
        }
        throw machine.error("a tensor that is not described by storage, offset, sizes and strides");
    }

    private long[] numbers(Object value) {
        if (value instanceof List<?> list && list.size() <= MOST_AXES && list.stream().allMatch(Long.class::isInstance)) {
            return list.stream().mapToLong(number -> (Long) number).toArray();
        }
        throw machine.error("sizes or strides that are not a few whole numbers but %s".formatted(PickleMachine.describe(value)));
    }
}
