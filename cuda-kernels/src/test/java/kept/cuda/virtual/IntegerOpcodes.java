package kept.cuda.virtual;

/** Integer and bit instructions. The upper bits of a 16-bit register are zero. */
final class IntegerOpcodes {
    private static final int LOW = 0xffff;

    private IntegerOpcodes() {}

    static void define(OpTable table) {
        words(table);
        longs(table);
        shorts(table);
        wide(table);
        bits(table);
        fields(table);
    }

    private static void words(OpTable table) {
        table.word2("add.s32 add.u32", (a, b) -> a + b);
        table.word2("add.sat.s32", (a, b) -> saturated((long) a + b));
        table.word2("sub.s32 sub.u32", (a, b) -> a - b);
        table.word2("sub.sat.s32", (a, b) -> saturated((long) a - b));
        table.word2("mul.lo.s32 mul.lo.u32", (a, b) -> a * b);
        table.word2("mul.hi.s32", (a, b) -> (int) ((long) a * b >> 32));
        table.word2("mul.hi.u32", (a, b) -> (int) ((a & 0xffffffffL) * (b & 0xffffffffL) >>> 32));
        table.word2("mul24.lo.s32", (a, b) -> (a << 8 >> 8) * (b << 8 >> 8));
        table.word2("mul24.lo.u32", (a, b) -> (a & 0xffffff) * (b & 0xffffff));
        table.word3("mad.lo.s32 mad.lo.u32", (a, b, c) -> a * b + c);
        table.word3("mad.hi.s32", (a, b, c) -> (int) ((long) a * b >> 32) + c);
        table.word3("mad.hi.u32", (a, b, c) -> (int) ((a & 0xffffffffL) * (b & 0xffffffffL) >>> 32) + c);
        table.word2("div.s32", (a, b) -> b == 0 ? -1 : a / b);
        table.word2("div.u32", (a, b) -> b == 0 ? -1 : Integer.divideUnsigned(a, b));
        table.word2("rem.s32", (a, b) -> b == 0 ? a : a % b);
        table.word2("rem.u32", (a, b) -> b == 0 ? a : Integer.remainderUnsigned(a, b));
        table.word2("min.s32", Math::min);
        table.word2("max.s32", Math::max);
        table.word2("min.u32", (a, b) -> Integer.compareUnsigned(a, b) < 0 ? a : b);
        table.word2("max.u32", (a, b) -> Integer.compareUnsigned(a, b) > 0 ? a : b);
        table.word1("neg.s32", a -> -a);
        table.word1("abs.s32", Math::abs);
        table.word3("sad.s32", (a, b, c) -> c + Math.max(a, b) - Math.min(a, b));
        table.word3("sad.u32", (a, b, c) -> c + (Integer.compareUnsigned(a, b) < 0 ? b - a : a - b));
        table.word3("dp4a.s32.s32", (a, b, c) -> dot(a, b, c, true, true));
        table.word3("dp4a.u32.u32", (a, b, c) -> dot(a, b, c, false, false));
        table.word3("dp4a.s32.u32", (a, b, c) -> dot(a, b, c, true, false));
        table.word3("dp4a.u32.s32", (a, b, c) -> dot(a, b, c, false, true));
    }

    private static void longs(OpTable table) {
        table.long2("add.s64 add.u64", (a, b) -> a + b);
        table.long2("sub.s64 sub.u64", (a, b) -> a - b);
        table.long2("mul.lo.s64 mul.lo.u64", (a, b) -> a * b);
        table.long2("mul.hi.s64", Math::multiplyHigh);
        table.long2("mul.hi.u64", Math::unsignedMultiplyHigh);
        table.long3("mad.lo.s64 mad.lo.u64", (a, b, c) -> a * b + c);
        table.long3("mad.hi.s64", (a, b, c) -> Math.multiplyHigh(a, b) + c);
        table.long3("mad.hi.u64", (a, b, c) -> Math.unsignedMultiplyHigh(a, b) + c);
        table.long2("div.s64", (a, b) -> b == 0 ? -1 : a / b);
        table.long2("div.u64", (a, b) -> b == 0 ? -1 : Long.divideUnsigned(a, b));
        table.long2("rem.s64", (a, b) -> b == 0 ? a : a % b);
        table.long2("rem.u64", (a, b) -> b == 0 ? a : Long.remainderUnsigned(a, b));
        table.long2("min.s64", Math::min);
        table.long2("max.s64", Math::max);
        table.long2("min.u64", (a, b) -> Long.compareUnsigned(a, b) < 0 ? a : b);
        table.long2("max.u64", (a, b) -> Long.compareUnsigned(a, b) > 0 ? a : b);
        table.long1("neg.s64", a -> -a);
        table.long1("abs.s64", Math::abs);
        table.long3("sad.s64", (a, b, c) -> c + Math.max(a, b) - Math.min(a, b));
        table.long3("sad.u64", (a, b, c) -> c + (Long.compareUnsigned(a, b) < 0 ? b - a : a - b));
    }

    private static void shorts(OpTable table) {
        table.word2("add.s16 add.u16", (a, b) -> a + b & LOW);
        table.word2("sub.s16 sub.u16", (a, b) -> a - b & LOW);
        table.word2("mul.lo.s16 mul.lo.u16", (a, b) -> a * b & LOW);
        table.word2("mul.hi.s16", (a, b) -> (short) a * (short) b >> 16 & LOW);
        table.word2("mul.hi.u16", (a, b) -> (a & LOW) * (b & LOW) >>> 16);
        table.word3("mad.lo.s16 mad.lo.u16", (a, b, c) -> a * b + c & LOW);
        table.word2("div.s16", (a, b) -> (short) b == 0 ? LOW : (short) a / (short) b & LOW);
        table.word2("div.u16", (a, b) -> (b & LOW) == 0 ? LOW : (a & LOW) / (b & LOW));
        table.word2("rem.s16", (a, b) -> (short) b == 0 ? a : (short) a % (short) b & LOW);
        table.word2("rem.u16", (a, b) -> (b & LOW) == 0 ? a : (a & LOW) % (b & LOW));
        table.word2("min.s16", (a, b) -> Math.min((short) a, (short) b) & LOW);
        table.word2("max.s16", (a, b) -> Math.max((short) a, (short) b) & LOW);
        table.word2("min.u16", (a, b) -> Math.min(a & LOW, b & LOW));
        table.word2("max.u16", (a, b) -> Math.max(a & LOW, b & LOW));
        table.word1("neg.s16", a -> -a & LOW);
        table.word1("abs.s16", a -> Math.abs((short) a) & LOW);
        table.word2("and.b16", (a, b) -> a & b & LOW);
        table.word2("or.b16", (a, b) -> (a | b) & LOW);
        table.word2("xor.b16", (a, b) -> (a ^ b) & LOW);
        table.word1("not.b16", a -> ~a & LOW);
        table.word2("shl.b16", (a, b) -> beyond(b, 16) ? 0 : a << b & LOW);
        table.word2("shr.b16 shr.u16", (a, b) -> beyond(b, 16) ? 0 : (a & LOW) >>> b);
        table.word2("shr.s16", (a, b) -> (short) a >> (beyond(b, 16) ? 15 : b) & LOW);
    }

    private static void wide(OpTable table) {
        table.wordsToLong("mul.wide.s32", (a, b) -> (long) a * b);
        table.wordsToLong("mul.wide.u32", (a, b) -> (a & 0xffffffffL) * (b & 0xffffffffL));
        table.word2("mul.wide.s16", (a, b) -> (short) a * (short) b);
        table.word2("mul.wide.u16", (a, b) -> (a & LOW) * (b & LOW));
        table.wideMad("mad.wide.s32", (a, b, c) -> (long) a * b + c);
        table.wideMad("mad.wide.u32", (a, b, c) -> (a & 0xffffffffL) * (b & 0xffffffffL) + c);
        table.word3("mad.wide.s16", (a, b, c) -> (short) a * (short) b + c);
        table.word3("mad.wide.u16", (a, b, c) -> (a & LOW) * (b & LOW) + c);
    }

    private static void bits(OpTable table) {
        table.word2("and.b32", (a, b) -> a & b);
        table.word2("or.b32", (a, b) -> a | b);
        table.word2("xor.b32", (a, b) -> a ^ b);
        table.word1("not.b32", a -> ~a);
        table.word1("cnot.b32", a -> a == 0 ? 1 : 0);
        table.word2("shl.b32", (a, b) -> beyond(b, 32) ? 0 : a << b);
        table.word2("shr.b32 shr.u32", (a, b) -> beyond(b, 32) ? 0 : a >>> b);
        table.word2("shr.s32", (a, b) -> a >> (beyond(b, 32) ? 31 : b));
        table.long2("and.b64", (a, b) -> a & b);
        table.long2("or.b64", (a, b) -> a | b);
        table.long2("xor.b64", (a, b) -> a ^ b);
        table.long1("not.b64", a -> ~a);
        table.longAndWord("shl.b64", (a, b) -> beyond(b, 64) ? 0 : a << b);
        table.longAndWord("shr.b64 shr.u64", (a, b) -> beyond(b, 64) ? 0 : a >>> b);
        table.longAndWord("shr.s64", (a, b) -> a >> (beyond(b, 64) ? 63 : b));
        table.word1("popc.b32", Integer::bitCount);
        table.longToWord("popc.b64", Long::bitCount);
        table.word1("clz.b32", Integer::numberOfLeadingZeros);
        table.longToWord("clz.b64", Long::numberOfLeadingZeros);
        table.word1("brev.b32", Integer::reverse);
        table.long1("brev.b64", Long::reverse);
        table.word1("bfind.u32", a -> 31 - Integer.numberOfLeadingZeros(a));
        table.word1("bfind.s32", a -> 31 - Integer.numberOfLeadingZeros(a < 0 ? ~a : a));
        table.word1("bfind.shiftamt.u32", a -> a == 0 ? -1 : Integer.numberOfLeadingZeros(a));
        table.longToWord("bfind.u64", a -> 63 - Long.numberOfLeadingZeros(a));
        table.longToWord("bfind.s64", a -> 63 - Long.numberOfLeadingZeros(a < 0 ? ~a : a));
        table.word3("shf.l.wrap.b32", (a, b, c) -> (int) (pair(a, b) << (c & 31) >>> 32));
        table.word3("shf.l.clamp.b32", (a, b, c) -> (int) (pair(a, b) << clamped(c) >>> 32));
        table.word3("shf.r.wrap.b32", (a, b, c) -> (int) (pair(a, b) >>> (c & 31)));
        table.word3("shf.r.clamp.b32", (a, b, c) -> (int) (pair(a, b) >>> clamped(c)));
    }

    private static void fields(OpTable table) {
        table.word3("bfe.u32", (a, b, c) -> (int) field(a & 0xffffffffL, b, c, 32, false));
        table.word3("bfe.s32", (a, b, c) -> (int) field(a, b, c, 32, true));
        table.longAndWords("bfe.u64", (a, b, c) -> field(a, b, c, 64, false));
        table.longAndWords("bfe.s64", (a, b, c) -> field(a, b, c, 64, true));
        table.word4("bfi.b32", (a, b, c, e) -> (int) insert(a, b, c, e, 32));
        table.longsAndWords("bfi.b64", (a, b, c, e) -> insert(a, b, c, e, 64));
        table.word3("prmt.b32", (a, b, c) -> permute(a, b, c));
        table.word3("prmt.b32.f4e", (a, b, c) -> mode(a, b, i -> (c & 3) + i));
        table.word3("prmt.b32.b4e", (a, b, c) -> mode(a, b, i -> (c & 3) - i & 7));
        table.word3("prmt.b32.rc8", (a, b, c) -> mode(a, b, i -> c & 3));
        table.word3("prmt.b32.rc16", (a, b, c) -> mode(a, b, i -> 2 * (c & 1) + (i & 1)));
        table.word3("prmt.b32.ecl", (a, b, c) -> mode(a, b, i -> Math.max(i, c & 3)));
        table.word3("prmt.b32.ecr", (a, b, c) -> mode(a, b, i -> Math.min(i, c & 3)));
    }

    /** Returns whether an unsigned shift amount is at least the width. */
    private static boolean beyond(int amount, int width) {
        return amount < 0 || amount >= width;
    }

    private static int clamped(int amount) {
        return beyond(amount, 32) ? 32 : amount;
    }

    private static long pair(int low, int high) {
        return (long) high << 32 | low & 0xffffffffL;
    }

    private static int saturated(long value) {
        return Math.clamp(value, Integer.MIN_VALUE, Integer.MAX_VALUE);
    }

    private static int dot(int a, int b, int c, boolean signedA, boolean signedB) {
        int sum = c;
        for (int i = 0; i < 32; i += 8) {
            sum += (signedA ? (byte) (a >> i) : a >> i & 0xff) * (signedB ? (byte) (b >> i) : b >> i & 0xff);
        }
        return sum;
    }

    /** Extracts a signed bit field; the sign is the top bit of the field, or of the operand where the field exceeds it. */
    private static long field(long value, int start, int length, int width, boolean signed) {
        int from = start & 0xff;
        int count = length & 0xff;
        if (count == 0) {
            return 0;
        }
        int top = Math.min(from + count - 1, width - 1);
        boolean negative = signed && (value >> top & 1) != 0;
        long result = from >= width ? 0 : value >>> from;
        int known = Math.max(Math.min(count, width - from), 0);
        long mask = known >= 64 ? -1 : (1L << known) - 1;
        return result & mask | (negative ? ~mask : 0);
    }

    private static long insert(long field, long into, int start, int length, int width) {
        int from = start & 0xff;
        int count = Math.min(length & 0xff, Math.max(width - from, 0));
        if (count == 0) {
            return into;
        }
        long mask = (count == 64 ? -1 : (1L << count) - 1) << from;
        return into & ~mask | field << from & mask;
    }

    private static int permute(int a, int b, int selector) {
        long bytes = pair(a, b);
        int result = 0;
        for (int i = 0; i < 4; i++) {
            int choice = selector >> 4 * i & 0xf;
            int chosen = (int) (bytes >>> 8 * (choice & 7)) & 0xff;
            result |= ((choice & 8) != 0 ? (byte) chosen >> 7 & 0xff : chosen) << 8 * i;
        }
        return result;
    }

    private static int mode(int a, int b, java.util.function.IntUnaryOperator choice) {
        long bytes = pair(a, b);
        int result = 0;
        for (int i = 0; i < 4; i++) {
            result |= ((int) (bytes >>> 8 * choice.applyAsInt(i)) & 0xff) << 8 * i;
        }
        return result;
    }
}
