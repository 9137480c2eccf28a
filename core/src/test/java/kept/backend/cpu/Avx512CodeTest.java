package kept.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HexFormat;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** Encodings are those of the GNU assembler 2.40, with {@code disp32} for addresses. */
class Avx512CodeTest {
    private static final HexFormat HEX = HexFormat.of();

    @Test
    void instructionsAreThoseOfAnAssembler() {
        assertThat(code(code -> code.zero(0))).as("vpxord zmm0, zmm0, zmm0").isEqualTo("62f17d48efc0");
        assertThat(code(code -> code.zero(27))).as("vpxord zmm27, zmm27, zmm27").isEqualTo("62012540efdb");
        assertThat(code(code -> code.load(9, Avx512Code.RCX, 64))).as("vmovups zmm9, [rcx+64]").isEqualTo("62717c48108940000000");
        assertThat(code(code -> code.store(17, Avx512Code.RCX, 64))).as("vmovups [rcx+64], zmm17").isEqualTo("62e17c48118940000000");
        assertThat(code(code -> code.store(31, Avx512Code.R8, -64))).as("vmovups [r8-64], zmm31").isEqualTo("62417c4811b8c0ffffff");
        assertThat(code(code -> code.broadcast(30, Avx512Code.RDI, 107328))).as("vpbroadcastd zmm30, [rdi+107328]").isEqualTo("62627d4858b740a30100");
        assertThat(code(code -> code.broadcast(3, Avx512Code.RDI, 0))).as("vpbroadcastd zmm3, [rdi+0]").isEqualTo("62f27d48589f00000000");
        assertThat(code(code -> code.addProductsOfPairs(26, 31, 29))).as("vdpbf16ps zmm26, zmm31, zmm29").isEqualTo("6202064052d5");
        assertThat(code(code -> code.addProductsOfPairs(1, 14, 7))).as("vdpbf16ps zmm1, zmm14, zmm7").isEqualTo("62f20e4852cf");
        assertThat(code(code -> code.add(Avx512Code.RCX, Avx512Code.R8))).as("add rcx, r8").isEqualTo("4c01c1");
        assertThat(code(code -> code.add(Avx512Code.R8, Avx512Code.RDX))).as("add r8, rdx").isEqualTo("4901d0");
        assertThat(code(code -> code.subtract(Avx512Code.RCX, Avx512Code.R8))).as("sub rcx, r8").isEqualTo("4c29c1");
        assertThat(code(code -> code.add(Avx512Code.RDX, -1L))).as("add rdx, -1 with four bytes").isEqualTo("4881c2ffffffff");
        assertThat(code(code -> code.add(Avx512Code.RSI, 128L))).as("add rsi, 128").isEqualTo("4881c680000000");
    }

    @Test
    void jumpsAreRelativeToTheirEnd() {
        assertThat(code(code -> {
            code.zero(0);
            int start = code.here();
            code.zero(0);
            code.jumpIfNotZero(start);
        })).isEqualTo("62f17d48efc0" + "62f17d48efc0" + "0f85" + "f4ffffff");
    }

    private static String code(Consumer<Avx512Code> instructions) {
        Avx512Code code = new Avx512Code();
        instructions.accept(code);
        return HEX.formatHex(code.bytes());
    }
}
