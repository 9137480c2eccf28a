package kept.torch;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import kept.io.CheckpointException;
import kept.text.VisibleText;
import kept.weights.StoredType;

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
    private static final String PARAMETER_WITH_STATE = "torch._utils._rebuild_parameter_with_state";
    private static final String DICTIONARY = "collections.OrderedDict";

    private static final Map<String, StoredType> STORAGES = Map.of("torch.BFloat16Storage", StoredType.BF16, "torch.HalfStorage", StoredType.F16,
        "torch.FloatStorage", StoredType.F32, "torch.DoubleStorage", StoredType.F64, "torch.LongStorage", StoredType.I64,
        "torch.IntStorage", StoredType.I32, "torch.ShortStorage", StoredType.I16, "torch.CharStorage", StoredType.I8,
        "torch.ByteStorage", StoredType.U8, "torch.BoolStorage", StoredType.BOOL);
    private static final List<String> KNOWN = List.of(TENSOR, PARAMETER, PARAMETER_WITH_STATE, DICTIONARY, "torch.*Storage");

    /** What says that tensors are not numbers as they are. */
    private static final Pattern QUANTISED = Pattern.compile(
        "(?i).*(qtensor|Q?U?Int[0-9]x?[0-9]?Storage|float8|float4|_rebuild_tensor_v3|torchao|bitsandbytes).*");
    /** "storage", type, key, device, elements. */
    private static final int ARCHIVE_PARTS = 5;
    /** The most axes that a tensor may have. */
    private static final int MOST_AXES = 64;

    private final PickleMachine machine;

    private final int storageParts;

    private TorchPickle(PickleMachine machine, int storageParts) {
        this.machine = machine;
        this.storageParts = storageParts;
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
        return read(new PickleMachine(file, pickle, offset), ARCHIVE_PARTS);
    }

    /**
     * Reads the pickle of a file from before version 1.6, where a storage has one part more: what it is a view of, which is None.
     *
     * @param machine the machine, which has not run
     * @return the tensors by name, in the pickle's order
     * @throws CheckpointException if it is damaged, asks for anything unknown, or is no dictionary of tensors
     */
    static Map<String, Tensor> readLegacy(PickleMachine machine) {
        return read(machine, ARCHIVE_PARTS + 1);
    }

    private static Map<String, Tensor> read(PickleMachine machine, int parts) {
        Object result = machine.run(new TorchPickle(machine, parts));
        if (!(result instanceof Map<?, ?> dictionary)) {
            throw machine.error("the file holds %s where a dictionary of tensors is expected: save model.state_dict()"
                .formatted(PickleMachine.describe(result)));
        }
        dictionary.forEach((key, value) -> {
            if (value instanceof Map<?, ?> inner && !inner.isEmpty() && inner.values().stream().allMatch(Tensor.class::isInstance)) {
                String name = VisibleText.quoted(CheckpointException.shorten(String.valueOf(key)));
                throw machine.error("the tensors are in a dictionary %s within the file's: save it alone, with torch.save(torch.load(FILE)[%s], FILE)"
                    .formatted(name, name));
            }
        });
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
        if (!STORAGES.containsKey(name) && QUANTISED.matcher(name).matches()) {
            throw machine.error("the file holds tensors of a type that cannot be read ('%s'): quantised; take the unquantised checkpoint"
                .formatted(CheckpointException.shorten(name)));
        }
        if (!STORAGES.containsKey(name) && !KNOWN.contains(name)) {
            throw machine.error("the file asks for '%s'; only tensors are read (%s), and nothing of a file's choice is run"
                .formatted(CheckpointException.shorten(name), String.join(", ", KNOWN)));
        }
    }

    @Override
    public Object call(String name, List<?> arguments) {
        return switch (name) {
            case TENSOR -> tensor(arguments);
            case PARAMETER, PARAMETER_WITH_STATE -> {
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
        if (id instanceof List<?> parts && parts.size() == storageParts && "storage".equals(parts.getFirst())
                && parts.get(1) instanceof PickleMachine.Name type && parts.get(2) instanceof String key
                && parts.get(4) instanceof Long elements && elements >= 0
                && (storageParts == ARCHIVE_PARTS || PickleMachine.isNone(parts.getLast()))) {
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
