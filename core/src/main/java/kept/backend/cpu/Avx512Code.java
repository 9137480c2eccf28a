package kept.backend.cpu;

import java.io.ByteArrayOutputStream;

/**
 * Writes machine code for x86-64: the few instructions that {@link Bf16Tile} needs, encoded as the "Intel 64 and IA-32 Architectures Software
 * Developer's Manual", volume 2, sections 2.1, 2.2 and 2.7 (EVEX) describe.
 *
 * <p>Registers are numbers: vectors from 0 to 31, general ones as in the constants here. Functions are called as the System V ABI says: arguments are
 * in RDI, RSI, RDX, RCX, R8 and R9, and none of these, nor a vector, has to be preserved.
 */
final class Avx512Code {
    static final int RCX = 1;
    static final int RDX = 2;
    static final int RSI = 6;
    static final int RDI = 7;
    static final int R8 = 8;

    /** The prefix of an older encoding, as two bits of an EVEX instruction. */
    private static final int NO_PREFIX = 0;
    private static final int PREFIX_66 = 1;
    private static final int PREFIX_F3 = 2;
    /** The bytes that precede the opcode in an older encoding, as bits of an EVEX instruction. */
    private static final int MAP_0F = 1;
    private static final int MAP_0F38 = 2;
    /** Two bits of the byte that names registers: both operands are registers, or the second is an address with an offset of 32 bits. */
    private static final int BOTH_REGISTERS = 0xc0;
    private static final int OFFSET = 0x80;

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    /**
     * The code so far.
     *
     * @return its bytes, independent of their position in memory
     */
    byte[] bytes() {
        return bytes.toByteArray();
    }

    /**
     * The position of the next instruction.
     *
     * @return bytes from the beginning
     */
    int here() {
        return bytes.size();
    }

    /** {@code vpxord to, to, to}: zeros. */
    void zero(int to) {
        onRegisters(MAP_0F, PREFIX_66, 0xef, to, to, to);
    }

    /** {@code vmovups to, [base + offset]}. */
    void load(int to, int base, int offset) {
        onMemory(MAP_0F, NO_PREFIX, 0x10, to, base, offset);
    }

    /** {@code vmovups [base + offset], from}. */
    void store(int from, int base, int offset) {
        onMemory(MAP_0F, NO_PREFIX, 0x11, from, base, offset);
    }

    /** {@code vpbroadcastd to, [base + offset]}: the same 32 bits in all lanes. */
    void broadcast(int to, int base, int offset) {
        onMemory(MAP_0F38, PREFIX_66, 0x58, to, base, offset);
    }

    /** {@code vdpbf16ps to, a, b}: adds both products of each pair of bf16 to the pair's f32. */
    void addProductsOfPairs(int to, int a, int b) {
        onRegisters(MAP_0F38, PREFIX_F3, 0x52, to, a, b);
    }

    /** {@code add to, from} on 64 bits. */
    void add(int to, int from) {
        bytes(0x48 | from >> 3 << 2 | to >> 3, 0x01, BOTH_REGISTERS | (from & 7) << 3 | to & 7);
    }

    /** {@code add to, value} on 64 bits; sets the flag that {@link #jumpIfNotZero} reads. */
    void add(int to, long value) {
        bytes(0x48 | to >> 3, 0x81, BOTH_REGISTERS | to & 7);
        number(Math.toIntExact(value));
    }

    /** {@code sub to, from} on 64 bits. */
    void subtract(int to, int from) {
        bytes(0x48 | from >> 3 << 2 | to >> 3, 0x29, BOTH_REGISTERS | (from & 7) << 3 | to & 7);
    }

    /** {@code jnz target}: jumps to a position of {@link #here}. */
    void jumpIfNotZero(int target) {
        bytes(0x0f, 0x85);
        number(target - here() - Integer.BYTES);
    }

    /** {@code vzeroupper} and {@code ret}. */
    void leave() {
        bytes(0xc5, 0xf8, 0x77, 0xc3);
    }

    /** A function {@code int cpuid(int leaf, int subleaf)} that returns EAX: {@code push rbx; mov eax, edi; mov ecx, esi; cpuid; pop rbx; ret}. */
    void cpuid() {
        bytes(0x53, 0x89, 0xf8, 0x89, 0xf1, 0x0f, 0xa2, 0x5b, 0xc3);
    }

    private void onRegisters(int map, int prefix, int opcode, int to, int a, int b) {
        evex(map, prefix, to, a, b);
        bytes(opcode, BOTH_REGISTERS | (to & 7) << 3 | b & 7);
    }

    private void onMemory(int map, int prefix, int opcode, int register, int base, int offset) {
        evex(map, prefix, register, 0, base);
        bytes(opcode, OFFSET | (register & 7) << 3 | base & 7);
        number(offset);
    }

    /** The four bytes before the opcode, for vectors of 512 bits without a mask. The high bits of the registers' numbers are inverted. */
    private void evex(int map, int prefix, int first, int second, int third) {
        int high = (first >> 3 & 1) << 7 | (third >> 4 & 1) << 6 | (third >> 3 & 1) << 5 | (first >> 4 & 1) << 4;
        bytes(0x62, high ^ 0xf0 | map, (~second & 15) << 3 | 1 << 2 | prefix, 0x40 | (~second >> 4 & 1) << 3);
    }

    private void number(int value) {
        bytes(value, value >> 8, value >> 16, value >> 24);
    }

    private void bytes(int... values) {
        for (int value : values) {
            bytes.write(value);
        }
    }
}
