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
import kept.io.CheckpointException;

/**
 * The stack machine of Python's pickles, protocols 2 to 5 (PEP 307, PEP 3154), as far as data needs it: None, truth values, whole numbers up to 64
 * bits, floating-point numbers, strings, lists, tuples, dictionaries with strings or numbers for keys, and calls of {@link Constructors}. Objects and
 * classes of Python's do not exist here, and opcodes that would make them are errors.
 *
 * <p>Time and memory are proportional to the pickle's length: what is pushed is a reference, and nothing descends into what was built.
 */
final class PickleMachine {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfDouble BIG_ENDIAN_DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final int HIGHEST_PROTOCOL = 5;

    /** What lies on the stack for None, which lists and maps of Java's would take for nothing. */
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
    /** Where the opcode that is carried out begins. */
    private long current;

    /**
     * A machine that has not run yet.
     *
     * @param file the file's path, for errors
     * @param pickle the pickle
     * @param offset where it begins in the file, for errors
     */
    PickleMachine(Path file, MemorySegment pickle, long offset) {
        this.file = file;
        this.pickle = pickle;
        this.offset = offset;
    }

    /**
     * The name of something in Python.
     *
     * @param text module and name, with a dot between
     */
    record Name(String text) { }

    /** What names and calls mean. Each method throws an error of the machine's for what it does not know. */
    interface Constructors {
        /**
         * Is asked for each name before it is used.
         *
         * @param name module and name, with a dot between
         */
        void requireKnown(String name);

        /**
         * A call.
         *
         * @param name what is called, known
         * @param arguments what with
         * @return the result
         */
        Object call(String name, List<?> arguments);

        /**
         * What lies outside the pickle.
         *
         * @param id what it is called
         * @return what stands for it
         */
        Object persistent(Object id);
    }

    /**
     * Runs the pickle.
     *
     * @param meaning what names and calls mean
     * @return what it builds: String, Long, Double, Boolean, List, Map, or what the constructors gave
     * @throws CheckpointException if it is damaged, or does what is not understood
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
     * Where the pickle ends, when it has run.
     *
     * @return bytes from the start of the file
     */
    long end() {
        return offset + next;
    }

    /**
     * Where the opcode that is carried out begins.
     *
     * @return bytes from the start of the file
     */
    long place() {
        return offset + current;
    }

    /**
     * An error at the opcode that is carried out.
     *
     * @param problem what is wrong
     * @return the exception
     */
    CheckpointException error(String problem) {
        return new CheckpointException(TorchFile.OPERATION, file, null, place(), problem);
    }

    /** Whether a value is Python's None. */
    static boolean isNone(Object value) {
        return value == Special.NONE;
    }

    /**
     * What kind of thing a value is, without going into it.
     *
     * @param value what a pickle has built
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
            case Name name -> "the name '%s'".formatted(CheckpointException.shorten(name.text()));
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
            default -> throw error("the pickle's opcode 0x%02x is none that files of tensors need".formatted(opcode));
        }
    }

    private void requireProtocol(int protocol) {
        if (protocol < 2 || protocol > HIGHEST_PROTOCOL) {
            throw error("a pickle of protocol %d; 2 to %d can be read".formatted(protocol, HIGHEST_PROTOCOL));
        }
    }

    private MemorySegment bytes(long count) {
        if (count < 0 || count > pickle.byteSize() - next) {
            throw error("the pickle ends in the midst of something: %d bytes more are needed, %d are left"
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
            throw error("a whole number of %d bytes; 8 are the most".formatted(count));
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
            throw new CheckpointException(TorchFile.OPERATION, file, null, place(), "a string that is not valid UTF-8", e);
        }
    }

    /** What comes before the next line feed. */
    private String line() {
        long start = next;
        while (bytes(1).get(ValueLayout.JAVA_BYTE, 0) != '\n') {
            // Go on.
        }
        return decode(pickle.asSlice(start, next - 1 - start).toArray(ValueLayout.JAVA_BYTE));
    }

    private void push(Object value) {
        stack.add(value);
    }

    private Object top() {
        if (stack.isEmpty() || stack.getLast() == Special.MARK) {
            throw error("the pickle takes from an empty stack");
        }
        return stack.getLast();
    }

    private Object pop() {
        Object value = top();
        stack.removeLast();
        return value;
    }

    /** Takes what was pushed since the last mark, and the mark. */
    private List<Object> popToMark() {
        int mark = stack.lastIndexOf(Special.MARK);
        if (mark < 0) {
            throw error("the pickle looks for a mark where there is none");
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

    /** Puts keys and values into a new dictionary, which is pushed, or into the one on top. */
    private void setItems(Map<Object, Object> made, List<?> items) {
        if (made != null) {
            push(made);
        }
        if (!(top() instanceof Map<?, ?> dictionary)) {
            throw error("the pickle sets an item of %s".formatted(describe(top())));
        }
        if (items.size() % 2 != 0) {
            throw error("a key without a value");
        }
        for (int i = 0; i < items.size(); i += 2) {
            Object key = items.get(i);
            if (!(key instanceof String) && !(key instanceof Long)) {
                throw error("a dictionary with %s for a key".formatted(describe(key)));
            }
            if (unchecked(dictionary).put(key, items.get(i + 1)) != null) {
                throw error("the key %s occurs twice in a dictionary".formatted(CheckpointException.shorten("'" + key + "'")));
            }
        }
    }

    private Object remembered(long key) {
        Object value = memo.get(key);
        if (value == null) {
            throw error("the pickle remembers %d, which it never met".formatted(key));
        }
        return value;
    }

    private void qualifiedName() {
        Object name = pop();
        Object module = pop();
        if (!(name instanceof String last) || !(module instanceof String first)) {
            throw error("a name that is not made of strings");
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

    /** Gives an object its attributes. State dictionaries have one, {@code _metadata}, which says nothing of the tensors. */
    private void build() {
        pop();
        if (!(top() instanceof Map<?, ?>)) {
            throw error("the pickle gives attributes to %s".formatted(describe(top())));
        }
    }
}
