package kept.cuda.virtual;

import java.lang.invoke.MethodHandle;
import java.util.HashMap;
import java.util.Map;
import java.util.function.DoubleBinaryOperator;
import java.util.function.DoubleUnaryOperator;
import java.util.function.IntBinaryOperator;
import java.util.function.IntToLongFunction;
import java.util.function.IntUnaryOperator;
import java.util.function.LongBinaryOperator;
import java.util.function.LongToIntFunction;
import java.util.function.LongUnaryOperator;
import kept.cuda.virtual.Functions.Double3;
import kept.cuda.virtual.Functions.Float1;
import kept.cuda.virtual.Functions.Float2;
import kept.cuda.virtual.Functions.Float3;
import kept.cuda.virtual.Functions.Int3;
import kept.cuda.virtual.Functions.Int4;
import kept.cuda.virtual.Functions.IntsToLong;
import kept.cuda.virtual.Functions.Long2Int2;
import kept.cuda.virtual.Functions.Long3;
import kept.cuda.virtual.Functions.LongInt;
import kept.cuda.virtual.Functions.LongInt2;
import kept.cuda.virtual.Functions.WideMad;

/**
 * Arithmetic instructions by opcode. An entry is a function and its signature: the kinds of the result and of each operand, W for a word, L for a
 * long, F for an f32, D for an f64. One string lists all opcodes of a function.
 */
final class OpTable {
    /** Kinds of operands: the register file, and the interpretation of a literal. */
    enum Kind { W, L, F, D }

    /** An instruction: its template, its function, and the kinds of result and operands. */
    static final class Entry {
        final Kind result;
        final Kind[] operands;
        private final Class<? extends Lanewise> template;
        private final Object function;
        private MethodHandle constructor;

        Entry(Class<? extends Lanewise> template, Object function, String signature) {
            this.template = template;
            this.function = function;
            this.result = Kind.valueOf(signature.substring(0, 1));
            this.operands = new Kind[signature.length() - 1];
            for (int i = 0; i < operands.length; i++) {
                operands[i] = Kind.valueOf(signature.substring(i + 1, i + 2));
            }
        }

        /** Creates an instruction; all instructions of one function share a copy of the template. */
        synchronized Lanewise make() {
            if (constructor == null) {
                constructor = Specialised.constructor(template, function);
            }
            try {
                return (Lanewise) (Instruction) constructor.invokeExact();
            } catch (Throwable e) {
                throw new IllegalStateException(e);
            }
        }
    }

    private final Map<String, Entry> entries = new HashMap<>();

    /** Returns the entry of an opcode; null if there is none. */
    Entry find(String opcode) {
        return entries.get(opcode);
    }

    private void put(String names, Class<? extends Lanewise> template, Object function, String signature) {
        var entry = new Entry(template, function, signature);
        for (String name : names.split(" ")) {
            if (entries.put(name, entry) != null) {
                throw new IllegalStateException("[virtual gpu] " + name + " is defined twice");
            }
        }
    }

    void word1(String names, IntUnaryOperator function) {
        put(names, WordLoops.Int1Loop.class, function, "WW");
    }

    void word2(String names, IntBinaryOperator function) {
        put(names, WordLoops.Int2Loop.class, function, "WWW");
    }

    void word3(String names, Int3 function) {
        put(names, WordLoops.Int3Loop.class, function, "WWWW");
    }

    void word4(String names, Int4 function) {
        put(names, WordLoops.Int4Loop.class, function, "WWWWW");
    }

    void long1(String names, LongUnaryOperator function) {
        put(names, LongLoops.Long1Loop.class, function, "LL");
    }

    void long2(String names, LongBinaryOperator function) {
        put(names, LongLoops.Long2Loop.class, function, "LLL");
    }

    void long3(String names, Long3 function) {
        put(names, LongLoops.Long3Loop.class, function, "LLLL");
    }

    void wordToLong(String names, IntToLongFunction function) {
        put(names, LongLoops.IntToLongLoop.class, function, "LW");
    }

    void longToWord(String names, LongToIntFunction function) {
        put(names, WordLoops.LongToIntLoop.class, function, "WL");
    }

    void wordsToLong(String names, IntsToLong function) {
        put(names, LongLoops.IntsToLongLoop.class, function, "LWW");
    }

    void wideMad(String names, WideMad function) {
        put(names, LongLoops.WideMadLoop.class, function, "LWWL");
    }

    void longAndWord(String names, LongInt function) {
        put(names, LongLoops.LongIntLoop.class, function, "LLW");
    }

    void longAndWords(String names, LongInt2 function) {
        put(names, LongLoops.LongInt2Loop.class, function, "LLWW");
    }

    void longsAndWords(String names, Long2Int2 function) {
        put(names, LongLoops.Long2Int2Loop.class, function, "LLLWW");
    }

    void float1(String names, Float1 function) {
        put(names, FloatLoops.Float1Loop.class, function, "WF");
    }

    void float2(String names, Float2 function) {
        put(names, FloatLoops.Float2Loop.class, function, "WFF");
    }

    void float3(String names, Float3 function) {
        put(names, FloatLoops.Float3Loop.class, function, "WFFF");
    }

    void double1(String names, DoubleUnaryOperator function) {
        put(names, FloatLoops.Double1Loop.class, function, "LD");
    }

    void double2(String names, DoubleBinaryOperator function) {
        put(names, FloatLoops.Double2Loop.class, function, "LDD");
    }

    void double3(String names, Double3 function) {
        put(names, FloatLoops.Double3Loop.class, function, "LDDD");
    }
}
