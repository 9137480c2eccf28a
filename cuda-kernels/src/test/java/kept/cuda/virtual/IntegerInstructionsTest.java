package kept.cuda.virtual;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigInteger;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class IntegerInstructionsTest {
    private static final long WORD = 0xffffffffL;

    @ParameterizedTest
    @CsvSource({
        "add.s32, WWW, 7fffffff, 1, 80000000",
        "add.sat.s32, WWW, 7fffffff, 1, 7fffffff",
        "sub.s32, WWW, 0, 1, ffffffff",
        "mul.lo.s32, WWW, ffffffff, 7, fffffff9",
        "mul.hi.s32, WWW, ffffffff, 7, ffffffff",
        "mul.hi.u32, WWW, ffffffff, 7, 6",
        "mul.wide.s32, LWW, ffffffff, 7, fffffffffffffff9",
        "mul.wide.u32, LWW, ffffffff, 7, 6fffffff9",
        "mul.wide.s16, WHH, ffff, 7, fffffff9",
        "mul.wide.u16, WHH, ffff, 7, 6fff9",
        "mul24.lo.u32, WWW, ff000003, 5, f",
        "div.s32, WWW, fffffff9, 2, fffffffd",
        "div.u32, WWW, fffffff9, 2, 7ffffffc",
        "rem.s32, WWW, fffffff9, 2, ffffffff",
        "rem.u32, WWW, fffffff9, 2, 1",
        "min.s32, WWW, ffffffff, 1, ffffffff",
        "min.u32, WWW, ffffffff, 1, 1",
        "max.s32, WWW, ffffffff, 1, 1",
        "max.u32, WWW, ffffffff, 1, ffffffff",
        "and.b32, WWW, ff00ff00, f0f0f0f0, f000f000",
        "or.b32, WWW, ff00ff00, f0f0f0f0, fff0fff0",
        "xor.b32, WWW, ff00ff00, f0f0f0f0, 0ff00ff0",
        "shl.b32, WWW, 3, 1f, 80000000",
        "shl.b32, WWW, 3, 20, 0",
        "shr.u32, WWW, 80000000, 1f, 1",
        "shr.u32, WWW, 80000000, ffffffff, 0",
        "shr.s32, WWW, 80000000, 1f, ffffffff",
        "shr.s32, WWW, 80000000, 40, ffffffff",
        "shl.b64, LLW, 3, 3f, 8000000000000000",
        "shl.b64, LLW, 3, 40, 0",
        "shr.u64, LLW, 8000000000000000, 3f, 1",
        "shr.s64, LLW, 8000000000000000, 41, ffffffffffffffff",
        "shl.b16, HHW, 8001, 1, 2",
        "shr.s16, HHW, 8000, 10, ffff",
        "shr.u16, HHW, 8000, f, 1",
        "add.s16, HHH, ffff, 2, 1",
        "sub.s16, HHH, 0, 1, ffff",
        "max.s16, HHH, ffff, 1, 1",
        "max.u16, HHH, ffff, 1, ffff",
        "mul.hi.s64, LLL, ffffffffffffffff, 7, ffffffffffffffff",
        "mul.hi.u64, LLL, ffffffffffffffff, 7, 6",
        "div.s64, LLL, fffffffffffffff9, 2, fffffffffffffffd",
        "div.u64, LLL, fffffffffffffff9, 2, 7ffffffffffffffc",
        "rem.u64, LLL, fffffffffffffff9, 5, 4",
        "min.s64, LLL, ffffffffffffffff, 1, ffffffffffffffff",
        "max.u64, LLL, ffffffffffffffff, 1, ffffffffffffffff"})
    void twoOperands(String opcode, String kinds, String a, String b, String expected) {
        assertThat(hex(Snippet.one(opcode, kinds, bits(a), bits(b)))).isEqualTo(hex(bits(expected)));
    }

    @ParameterizedTest
    @CsvSource({
        "neg.s32, WW, 1, ffffffff",
        "abs.s32, WW, fffffffb, 5",
        "abs.s32, WW, 80000000, 80000000",
        "not.b32, WW, ff, ffffff00",
        "not.b16, HH, ff, ff00",
        "cnot.b32, WW, 0, 1",
        "popc.b32, WW, f0f0, 8",
        "popc.b64, WL, ff000000000000ff, 10",
        "clz.b32, WW, 0, 20",
        "clz.b32, WW, 10, 1b",
        "clz.b64, WL, 1, 3f",
        "brev.b32, WW, 1, 80000000",
        "brev.b64, LL, 2, 4000000000000000",
        "bfind.u32, WW, 0, ffffffff",
        "bfind.u32, WW, 800, b",
        "bfind.s32, WW, fffffffe, 0",
        "bfind.u64, WL, 8000000000000000, 3f"})
    void oneOperand(String opcode, String kinds, String a, String expected) {
        assertThat(hex(Snippet.one(opcode, kinds, bits(a)))).isEqualTo(hex(bits(expected)));
    }

    @ParameterizedTest
    @CsvSource({
        "mad.lo.s32, WWWW, ffffffff, 7, a, 3",
        "mad.hi.u32, WWWW, ffffffff, 7, a, 10",
        "mad.wide.u32, LWWL, ffffffff, 2, 5, 200000003",
        "mad.wide.s32, LWWL, ffffffff, 2, 5, 3",
        "sad.s32, WWWW, fffffffe, 3, a, f",
        "sad.u32, WWWW, 1, fffffffe, 1, fffffffe",
        "bfe.u32, WWWW, abcd1234, 8, 8, 12",
        "bfe.s32, WWWW, 0000ff00, 8, 8, ffffffff",
        "bfe.s32, WWWW, 80000000, 1c, 8, fffffff8",
        "bfe.u32, WWWW, ffffffff, 4, 0, 0",
        "bfe.s32, WWWW, 80000000, 28, 8, ffffffff",
        "bfe.u64, LLWW, abcd123400000000, 28, 8, 12",
        "shf.l.wrap.b32, WWWW, 80000001, 1, 1, 3",
        "shf.r.wrap.b32, WWWW, 80000001, 1, 1, c0000000",
        "shf.l.clamp.b32, WWWW, 12345678, 1, 40, 12345678",
        "shf.r.clamp.b32, WWWW, 12345678, 9abcdef0, 40, 9abcdef0",
        "prmt.b32, WWWW, 33221100, 77665544, 7531, 77553311",
        "prmt.b32, WWWW, 80221100, 77665544, b3b3, ff80ff80",
        "prmt.b32.b4e, WWWW, 33221100, 77665544, 1, 66770011",
        "dp4a.s32.s32, WWWW, ff010203, 01010101, 5, a",
        "dp4a.u32.u32, WWWW, ff010203, 01010101, 5, 10a"})
    void threeOperands(String opcode, String kinds, String a, String b, String c, String expected) {
        assertThat(hex(Snippet.one(opcode, kinds, bits(a), bits(b), bits(c)))).isEqualTo(hex(bits(expected)));
    }

    @ParameterizedTest
    @CsvSource({
        "bfi.b32, WWWWW, ff, 0, 8, 4, f00",
        "bfi.b32, WWWWW, ff, 11111111, 1c, 10, f1111111",
        "bfi.b32, WWWWW, ff, 11111111, 20, 4, 11111111",
        "bfi.b64, LLLWW, ff, 0, 20, 20, ff00000000"})
    void fieldsAreInserted(String opcode, String kinds, String a, String b, String c, String e, String expected) {
        assertThat(hex(Snippet.one(opcode, kinds, bits(a), bits(b), bits(c), bits(e)))).isEqualTo(hex(bits(expected)));
    }

    @Test
    void lop3IsAnyFunctionOfThreeBits() {
        long a = 0xf0f0f0f0L;
        long b = 0xccccccccL;
        long c = 0xaaaaaaaaL;
        for (int table : new int[] {0x80, 0xfe, 0x96, 0xca, 0x1b}) {
            // With these operands each byte of the result equals the table.
            long result = Snippet.run("lop3.b32", "WWWW", Integer.toString(table), new long[] {a}, new long[] {b}, new long[] {c})[0];
            assertThat(hex(result)).isEqualTo(hex(table * 0x01010101L));
        }
    }

    @Test
    void carriesPropagateBetweenWords() {
        var random = new Random(7);
        for (int i = 0; i < 20; i++) {
            long a = random.nextLong();
            long b = i == 0 ? ~a : i == 1 ? -a : random.nextLong();
            BigInteger sum = unsigned(a).add(unsigned(b));
            String words = "mov.b64 {%r1, %r2}, " + a + "; mov.b64 {%r3, %r4}, " + b + ";";
            long[] added = Snippet.statements(words + """
                    add.cc.u32 %r5, %r1, %r3;
                    addc.cc.u32 %r6, %r2, %r4;
                    addc.u32 %r7, 0, 0;
                    mov.b64 %rd0, {%r5, %r6};
                    cvt.u64.u32 %rd1, %r7;
                    xor.b64 %rd0, %rd0, %rd1;
                    """, 'L', 1);
            assertThat(added[0]).isEqualTo(a + b ^ (sum.bitLength() > 64 ? 1 : 0));
            long[] subtracted = Snippet.statements(words + """
                    sub.cc.u32 %r5, %r1, %r3;
                    subc.cc.u32 %r6, %r2, %r4;
                    subc.u32 %r7, 0, 0;
                    mov.b64 %rd0, {%r5, %r6};
                    cvt.s64.s32 %rd1, %r7;
                    xor.b64 %rd0, %rd0, %rd1;
                    """, 'L', 1);
            assertThat(subtracted[0]).isEqualTo(a - b ^ (Long.compareUnsigned(a, b) < 0 ? -1 : 0));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "setp.eq.s32, 5, 5, 1",
        "setp.ne.s32, 5, 5, 0",
        "setp.lt.s32, ffffffff, 0, 1",
        "setp.lt.u32, ffffffff, 0, 0",
        "setp.lo.u32, 1, ffffffff, 1",
        "setp.hs.u32, 1, ffffffff, 0",
        "setp.ge.s32, 80000000, 7fffffff, 0",
        "setp.gt.u32, 80000000, 7fffffff, 1"})
    void wordsAreCompared(String opcode, String a, String b, long expected) {
        assertThat(Snippet.one(opcode, "PWW", bits(a), bits(b))).isEqualTo(expected);
    }

    @Test
    void comparisonsOfAllWidthsRespectTheSign() {
        assertThat(Snippet.one("setp.lt.s16", "PHH", 0xffff, 1)).isEqualTo(1);
        assertThat(Snippet.one("setp.lt.u16", "PHH", 0xffff, 1)).isZero();
        assertThat(Snippet.one("setp.lt.s64", "PLL", -1, 1)).isEqualTo(1);
        assertThat(Snippet.one("setp.lt.u64", "PLL", -1, 1)).isZero();
        assertThat(Snippet.run("setp.eq.s16", "PH", "-1", new long[] {0xffff})[0]).isEqualTo(1);
    }

    @Test
    void aComparisonHasASecondResultAndACombination() {
        long[] results = Snippet.statements("""
                setp.lt.u32 %p1, %r31, 16;
                setp.eq.and.s32 %p2|%p3, %r31, 3, %p1;
                selp.u32 %r1, 1, 0, %p2;
                selp.u32 %r2, 2, 0, %p3;
                setp.gt.or.s32 %p4, %r31, 28, !%p1;
                selp.u32 %r3, 4, 0, %p4;
                or.b32 %r0, %r1, %r2;
                or.b32 %r0, %r0, %r3;
                """, 'W', 32);
        for (int i = 0; i < 32; i++) {
            int expected = (i == 3 ? 1 : 0) | (i != 3 && i < 16 ? 2 : 0) | (i >= 16 ? 4 : 0);
            assertThat(results[i]).isEqualTo(expected);
        }
    }

    @Test
    void selpAndMasks() {
        assertThat(Snippet.run("set.lt.u32.s32", "WWW", new long[] {0xffffffffL, 1}, new long[] {0, 0})).containsExactly(WORD, 0);
        assertThat(Snippet.run("set.lt.f32.s32", "FWW", new long[] {0xffffffffL, 1}, new long[] {0, 0})).containsExactly(0x3f800000L, 0);
        assertThat(Snippet.run("slct.b32.s32", "WWWW", new long[] {7, 7}, new long[] {8, 8}, new long[] {0, 0x80000000L})).containsExactly(7, 8);
        assertThat(Snippet.run("selp.b64", "LLLP", new long[] {7, 7}, new long[] {8, 8}, new long[] {1, 0})).containsExactly(7, 8);
    }

    @Test
    void predicatesAreCombined() {
        long[] results = Snippet.statements("""
                and.b32 %r1, %r31, 1;
                and.b32 %r2, %r31, 2;
                setp.ne.s32 %p1, %r1, 0;
                setp.ne.s32 %p2, %r2, 0;
                and.pred %p3, %p1, %p2;
                or.pred %p4, %p1, %p2;
                xor.pred %p5, %p1, %p2;
                not.pred %p6, %p1;
                mov.pred %p7, %p2;
                mov.u32 %r0, 0;
                @%p3 or.b32 %r0, %r0, 1;
                @%p4 or.b32 %r0, %r0, 2;
                @%p5 or.b32 %r0, %r0, 4;
                @%p6 or.b32 %r0, %r0, 8;
                @!%p7 or.b32 %r0, %r0, 16;
                """, 'W', 4);
        assertThat(results).containsExactly(8 + 16, 2 + 4 + 16, 2 + 4 + 8, 1 + 2);
        assertThat(Snippet.statements("mov.pred %p1, -1; mov.pred %p2, 0; xor.pred %p0, %p1, %p2;", 'P', 2)).containsExactly(1, 1);
    }

    @Test
    void wordsArePackedAndUnpacked() {
        long[] results = Snippet.statements("""
                mov.b32 %r1, 0x12345678;
                mov.b32 {%rs1, %rs2}, %r1;
                mov.b32 %r2, {%rs2, %rs1};
                mov.b64 %rd1, {%r1, %r2};
                mov.b64 {%rs3, %rs4, %rs5, %rs6}, %rd1;
                mov.b64 %rd2, {%rs6, %rs5, %rs4, %rs3};
                mov.b64 {_, %r3}, %rd2;
                mov.b64 %rd0, {%r3, %r2};
                """, 'L', 1);
        // r2 = 56781234; rd1 = 56781234_12345678; rd2 has the 16-bit parts of rd1 in reverse order.
        assertThat(hex(results[0])).isEqualTo("5678123456781234");
    }

    private static BigInteger unsigned(long value) {
        return new BigInteger(Long.toUnsignedString(value));
    }

    private static long bits(String hex) {
        return Long.parseUnsignedLong(hex, 16);
    }

    private static String hex(long value) {
        return Long.toHexString(value);
    }
}
