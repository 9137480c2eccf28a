package kept.torch;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import kept.io.FileException;
import kept.text.VisibleText;
import kept.weights.StoredType;

/**
 * Reads the pickle of a state dictionary. A pickle is a program for a stack machine, which in Python may call any function; here only the
 * {@link #KNOWN} constructors are available, each with a fixed meaning, and any other name or call is an error.
 *
 * <p>{@link PickleMachine} executes the pickle; this class interprets PyTorch's names:
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

    /** Names in the pickles of quantised tensors. */
    private static final Pattern QUANTISED = Pattern.compile(
        "(?i).*(qtensor|Q?U?Int[0-9]x?[0-9]?Storage|float8|float4|_rebuild_tensor_v3|torchao|bitsandbytes).*");
    /** "storage", type, key, device, elements. */
    private static final int ARCHIVE_PARTS = 5;
    /** Largest accepted rank of a tensor. */
    private static final int MAX_RANK = 64;

    private final PickleMachine machine;

    private final int storageParts;

    private TorchPickle(PickleMachine machine, int storageParts) {
        this.machine = machine;
        this.storageParts = storageParts;
    }

    /**
     * The storage that holds a tensor's elements.
     *
     * @param type their type
     * @param key the storage's name in the archive
     * @param elements how many
     */
    record Storage(StoredType type, String key, long elements) { }

    /**
     * The description of a tensor.
     *
     * @param storage the storage that holds its elements
     * @param offset index of the first element in the storage
     * @param extents its sizes
     * @param strides distance between neighbours along each axis, in elements
     * @param place offset of the description in the file, in bytes
     */
    record Tensor(Storage storage, long offset, long[] extents, long[] strides, long place) { }

    /**
     * Reads a pickle.
     *
     * @param file the file's path, for errors
     * @param pickle the pickle
     * @param offset start of the pickle in the file, for errors
     * @return the tensors by name, in the order of the pickle
     * @throws FileException if it is damaged, uses unsupported names, or is not a dictionary of tensors
     */
    static Map<String, Tensor> read(Path file, MemorySegment pickle, long offset) {
        return read(new PickleMachine(file, pickle, offset), ARCHIVE_PARTS);
    }

    /**
     * Reads the pickle of a file from before PyTorch 1.6, where the description of a storage has one more part: the storage it is a view of,
     * always None.
     *
     * @param machine the machine, which has not run
     * @return the tensors by name, in the order of the pickle
     * @throws FileException if it is damaged, uses unsupported names, or is not a dictionary of tensors
     */
    static Map<String, Tensor> readLegacy(PickleMachine machine) {
        return read(machine, ARCHIVE_PARTS + 1);
    }

    private static Map<String, Tensor> read(PickleMachine machine, int parts) {
        Object result = machine.run(new TorchPickle(machine, parts));
        if (!(result instanceof Map<?, ?> dictionary)) {
            throw machine.error("the file contains %s, not a dictionary of tensors: save model.state_dict()"
                .formatted(PickleMachine.describe(result)));
        }
        dictionary.forEach((key, value) -> {
            if (value instanceof Map<?, ?> inner && !inner.isEmpty() && inner.values().stream().allMatch(Tensor.class::isInstance)) {
                String name = VisibleText.quoted(FileException.shorten(String.valueOf(key)));
                throw machine.error("the tensors are in the nested dictionary %s: save it alone, with torch.save(torch.load(FILE)[%s], FILE)"
                    .formatted(name, name));
            }
        });
        var tensors = new LinkedHashMap<String, Tensor>();
        dictionary.forEach((key, value) -> {
            if (!(key instanceof String name)) {
                throw machine.error("the dictionary of tensors has %s as a name".formatted(PickleMachine.describe(key)));
            }
            if (!(value instanceof Tensor tensor)) {
                throw machine.error("'%s' is %s, not a tensor: save model.state_dict() alone"
                    .formatted(FileException.shorten(name), PickleMachine.describe(value)));
            }
            tensors.put(name, tensor);
        });
        return tensors;
    }

    @Override
    public void requireKnown(String name) {
        if (!STORAGES.containsKey(name) && QUANTISED.matcher(name).matches()) {
            throw machine.error("the file contains quantised tensors ('%s'), which are not supported; use the unquantised checkpoint"
                .formatted(FileException.shorten(name)));
        }
        if (!STORAGES.containsKey(name) && !KNOWN.contains(name)) {
            throw machine.error("the file uses '%s'; only tensors are read (%s), and code in a file is never run"
                .formatted(FileException.shorten(name), String.join(", ", KNOWN)));
        }
    }

    @Override
    public Object call(String name, List<?> arguments) {
        return switch (name) {
            case TENSOR -> tensor(arguments);
            case PARAMETER, PARAMETER_WITH_STATE -> {
                if (arguments.isEmpty() || !(arguments.getFirst() instanceof Tensor)) {
                    throw machine.error("the file has a parameter without a tensor");
                }
                yield arguments.getFirst();
            }
            case DICTIONARY -> {
                if (!arguments.isEmpty()) {
                    throw machine.error("the file creates an OrderedDict from arguments");
                }
                yield new LinkedHashMap<>();
            }
            default -> throw machine.error("the file calls '%s'; only tensors, parameters and dictionaries are supported".formatted(name));
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
                throw machine.error("the file has a storage of unknown type '%s'".formatted(FileException.shorten(type.text())));
            }
            return new Storage(stored, key, elements);
        }
        throw machine.error("the file has a persistent id that is not a PyTorch storage");
    }

    private Tensor tensor(List<?> arguments) {
        if (arguments.size() >= 4 && arguments.getFirst() instanceof Storage storage && arguments.get(1) instanceof Long offset) {
            long[] extents = numbers(arguments.get(2));
            long[] strides = numbers(arguments.get(3));
            if (extents.length == strides.length) {
                return new Tensor(storage, offset, extents, strides, machine.place());
            }
        }
        throw machine.error("the file has a tensor not described by storage, offset, sizes and strides");
    }

    private long[] numbers(Object value) {
        if (value instanceof List<?> list && list.size() <= MAX_RANK && list.stream().allMatch(Long.class::isInstance)) {
            return list.stream().mapToLong(number -> (Long) number).toArray();
        }
        throw machine.error("the file has a tensor whose sizes or strides are not a short list of integers but %s"
                .formatted(PickleMachine.describe(value)));
    }
}
