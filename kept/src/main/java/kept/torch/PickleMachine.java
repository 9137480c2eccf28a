package kept.torch;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import kept.io.FileException;

/**
 * The stack machine of Python's pickle format, protocols 2 to 5 (PEP 307, PEP 3154), restricted to data: None, booleans, integers up to 64 bits,
 * floating-point numbers, strings, lists, tuples, dictionaries with string or number keys, and calls of {@link Constructors}. Opcodes that create
 * other Python objects or classes are errors.
 *
 * <p>Time and memory are proportional to the length of the pickle: the stack holds references, and nothing traverses the values already built.
 */
final class PickleMachine {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfDouble BIG_ENDIAN_DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final int MAX_PROTOCOL = 5;

    /** Represents None on the stack, because Java's collections of the stack reject or misread null. */
    private enum Special {
        NONE, MARK
    }

    private final Path file;
    private final MemorySegment pickle;
    private final long offset;
    private final List<Object> stack = new ArrayList<>();
    private final Map<Long, Object> memo = new HashMap<>();
    private Constructors constructors;
    private long next;
    /** Offset of the opcode being executed. */
    private long current;

    /**
     * Creates a machine that has not run yet.
     *
     * @param file the file's path, for errors
     * @param pickle the pickle
     * @param offset start of the pickle in the file, for errors
     */
    PickleMachine(Path file, MemorySegment pickle, long offset) {
        this.file = file;
        this.pickle = pickle;
        this.offset = offset;
    }

    /**
     * The name of a Python global.
     *
     * @param text module and name, separated by a dot
     */
    record Name(String text) { }

    /** The meaning of names and calls. Each method throws {@link #error} for what it does not support. */
    interface Constructors {
        /**
         * Checks a name before it is used.
         *
         * @param name module and name, separated by a dot
         */
        void requireKnown(String name);

        /**
         * Calls a constructor.
         *
         * @param name the constructor, checked by {@link #requireKnown}
         * @param arguments what with
         * @return the result
         */
        Object call(String name, List<?> arguments);

        /**
         * Resolves a persistent id, a reference to an object outside the pickle.
         *
         * @param id the persistent id
         * @return the object that replaces it
         */
        Object persistent(Object id);
    }

    /**
     * Runs the pickle.
     *
     * @param meaning the meaning of names and calls
     * @return the result: String, Long, Double, Boolean, List, Map, or a value from the constructors
     * @throws FileException if the pickle is damaged or uses an unsupported feature
     */
    Object run(Constructors meaning) {
        constructors = meaning;
        while (true) {
            current = next;
            int opcode = Byte.toUnsignedInt(bytes(1).get(ValueLayout.JAVA_BYTE, 0));
            if (opcode == '.') {
                return pop();
            }
            step(opcode);
        }
    }

    /**
     * The end of the pickle, after it has run.
     *
     * @return bytes from the start of the file
     */
    long end() {
        return offset + next;
    }

    /**
     * The offset of the opcode being executed.
     *
     * @return bytes from the start of the file
     */
    long place() {
        return offset + current;
    }

    /**
     * Creates an error at the opcode being executed.
     *
     * @param problem what is wrong
     * @return the exception
     */
    FileException error(String problem) {
        return new FileException(TorchFile.OPERATION, file, null, place(), problem);
    }

    /** Whether a value is Python's None. */
    static boolean isNone(Object value) {
        return value == Special.NONE;
    }

    /**
     * Describes a value's type without traversing it.
     *
     * @param value a value the pickle built
     * @return a few words
     */
    static String describe(Object value) {
        return switch (value) {
            case String _ -> "a string";
            case Long number -> "the number " + number;
            case Double number -> "the number " + number;
            case Boolean truth -> truth ? "True" : "False";
            case Special _ -> "None";
            case List<?> list -> "a list of " + list.size();
            case Map<?, ?> map -> "a dictionary of " + map.size();
            case Name name -> "the name '%s'".formatted(FileException.shorten(name.text()));
            default -> "a " + value.getClass().getSimpleName().toLowerCase(Locale.ROOT);
        };
    }

    private void step(int opcode) {
        switch (opcode) {
            case 0x80 -> requireProtocol(unsignedByte());
            case 0x95 -> bytes(Long.BYTES); // FRAME: how many bytes may be read ahead
            case '(' -> push(Special.MARK);
            case '0' -> pop();
            case '1' -> popToMark();
            case '2' -> push(top());
            case 'N' -> push(Special.NONE);
            case 0x88 -> push(true);
            case 0x89 -> push(false);
            case 'J' -> push((long) bytes(Integer.BYTES).get(INT, 0));
            case 'K' -> push((long) unsignedByte());
            case 'M' -> push((long) Short.toUnsignedInt(bytes(Short.BYTES).get(SHORT, 0)));
            case 0x8a -> push(wholeNumber(unsignedByte()));
            case 'G' -> push(bytes(Double.BYTES).get(BIG_ENDIAN_DOUBLE, 0));
            case 'X', 'T' -> push(string(unsignedInt()));
            case 0x8c, 'U' -> push(string(unsignedByte()));
            case 0x8d -> push(string(bytes(Long.BYTES).get(LONG, 0)));
            case ']' -> push(new ArrayList<>());
            case 'a' -> append(List.of(pop()));
            case 'e' -> append(popToMark());
            case 'l' -> push(popToMark());
            case ')' -> push(List.of());
            case 't' -> push(Collections.unmodifiableList(popToMark()));
            case 0x85 -> push(tuple(1));
            case 0x86 -> push(tuple(2));
            case 0x87 -> push(tuple(3));
            case '}' -> push(new LinkedHashMap<>());
            case 'd' -> setItems(new LinkedHashMap<>(), popToMark());
            case 's' -> setItem();
            case 'u' -> setItems(null, popToMark());
            case 'q' -> memo.put((long) unsignedByte(), top());
            case 'r' -> memo.put(unsignedInt(), top());
            case 0x94 -> memo.put((long) memo.size(), top());
            case 'h' -> push(remembered(unsignedByte()));
            case 'j' -> push(remembered(unsignedInt()));
            case 'c' -> name(line(), line());
            case 0x93 -> qualifiedName();
            case 'R' -> call();
            case 'b' -> build();
            case 'Q' -> push(constructors.persistent(pop()));
            default -> throw error("the pickle's opcode 0x%02x is not supported for tensors".formatted(opcode));
        }
    }

    private void requireProtocol(int protocol) {
        if (protocol < 2 || protocol > MAX_PROTOCOL) {
            throw error("the pickle has protocol %d; supported are 2 to %d".formatted(protocol, MAX_PROTOCOL));
        }
    }

    private MemorySegment bytes(long count) {
        if (count < 0 || count > pickle.byteSize() - next) {
            throw error("the pickle is truncated: %d more bytes are needed, %d are left"
                .formatted(count, pickle.byteSize() - next));
        }
        next += count;
        return pickle.asSlice(next - count, count);
    }

    private int unsignedByte() {
        return Byte.toUnsignedInt(bytes(1).get(ValueLayout.JAVA_BYTE, 0));
    }

    private long unsignedInt() {
        return Integer.toUnsignedLong(bytes(Integer.BYTES).get(INT, 0));
    }

    private long wholeNumber(int count) {
        if (count > Long.BYTES) {
            throw error("the pickle has an integer of %d bytes; at most 8 are supported".formatted(count));
        }
        byte[] digits = bytes(count).toArray(ValueLayout.JAVA_BYTE);
        long value = count > 0 && digits[count - 1] < 0 ? -1 : 0;
        for (int i = count - 1; i >= 0; i--) {
            value = value << Byte.SIZE | Byte.toUnsignedLong(digits[i]);
        }
        return value;
    }

    private String string(long count) {
        return decode(bytes(count).toArray(ValueLayout.JAVA_BYTE));
    }

    private String decode(byte[] text) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(text)).toString();
        } catch (CharacterCodingException e) {
            throw new FileException(TorchFile.OPERATION, file, null, place(), "the pickle has a string that is not valid UTF-8", e);
        }
    }

    /** Reads up to the next line feed. */
    private String line() {
        long start = next;
        while (bytes(1).get(ValueLayout.JAVA_BYTE, 0) != '\n') {
            // Continue with the current value.
        }
        return decode(pickle.asSlice(start, next - 1 - start).toArray(ValueLayout.JAVA_BYTE));
    }

    private void push(Object value) {
        stack.add(value);
    }

    private Object top() {
        if (stack.isEmpty() || stack.getLast() == Special.MARK) {
            throw error("the pickle pops from an empty stack");
        }
        return stack.getLast();
    }

    private Object pop() {
        Object value = top();
        stack.removeLast();
        return value;
    }

    /** Pops all values above the last mark, and the mark. */
    private List<Object> popToMark() {
        int mark = stack.lastIndexOf(Special.MARK);
        if (mark < 0) {
            throw error("the pickle needs a mark, but there is none on the stack");
        }
        List<Object> above = stack.subList(mark + 1, stack.size());
        var values = new ArrayList<>(above);
        above.clear();
        stack.removeLast();
        return values;
    }

    private List<Object> tuple(int count) {
        var values = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            values.addFirst(pop());
        }
        return Collections.unmodifiableList(values);
    }

    private void append(List<?> values) {
        if (!(top() instanceof ArrayList<?> list)) {
            throw error("the pickle appends to %s".formatted(describe(top())));
        }
        unchecked(list).addAll(values);
    }

    @SuppressWarnings("unchecked") // Lists on the stack are made here, of any objects.
    private static List<Object> unchecked(List<?> list) {
        return (List<Object>) list;
    }

    @SuppressWarnings("unchecked") // Maps on the stack are made here or by constructors, of any objects.
    private static Map<Object, Object> unchecked(Map<?, ?> map) {
        return (Map<Object, Object>) map;
    }

    private void setItem() {
        Object value = pop();
        Object key = pop();
        setItems(null, List.of(key, value));
    }

    /** Puts keys and values into a new dictionary and pushes it, or into the dictionary on top of the stack. */
    private void setItems(Map<Object, Object> made, List<?> items) {
        if (made != null) {
            push(made);
        }
        if (!(top() instanceof Map<?, ?> dictionary)) {
            throw error("the pickle sets an item of %s".formatted(describe(top())));
        }
        if (items.size() % 2 != 0) {
            throw error("the pickle has a dictionary key without a value");
        }
        for (int i = 0; i < items.size(); i += 2) {
            Object key = items.get(i);
            if (!(key instanceof String) && !(key instanceof Long)) {
                throw error("the pickle has a dictionary with %s as a key".formatted(describe(key)));
            }
            if (unchecked(dictionary).put(key, items.get(i + 1)) != null) {
                throw error("the key %s occurs twice in a dictionary".formatted(FileException.shorten("'" + key + "'")));
            }
        }
    }

    private Object remembered(long key) {
        Object value = memo.get(key);
        if (value == null) {
            throw error("the pickle uses memo %d, which was never stored".formatted(key));
        }
        return value;
    }

    private void qualifiedName() {
        Object name = pop();
        Object module = pop();
        if (!(name instanceof String last) || !(module instanceof String first)) {
            throw error("the pickle has a global name that is not made of strings");
        }
        name(first, last);
    }

    private void name(String module, String name) {
        String full = module + "." + name;
        constructors.requireKnown(full);
        push(new Name(full));
    }

    private void call() {
        Object arguments = pop();
        Object function = pop();
        if (!(function instanceof Name name) || !(arguments instanceof List<?> list)) {
            throw error("the pickle calls %s with %s".formatted(describe(function), describe(arguments)));
        }
        push(constructors.call(name.text(), list));
    }

    /**
     * Handles BUILD, which sets an object's attributes. State dictionaries have the single attribute {@code _metadata}, which does not
     * concern tensors.
     */
    private void build() {
        pop();
        if (!(top() instanceof Map<?, ?>)) {
            throw error("the pickle sets attributes of %s".formatted(describe(top())));
        }
    }
}
