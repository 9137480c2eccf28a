package kept.cuda.virtual;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PtxParserTest {
    private static final String HEADER = ".version 7.0\n.target sm_80, debug\n.address_size 64\n";

    private static Kernel decode(String body) {
        PtxModule module = PtxParser.parse("text.ptx", HEADER + ".visible .entry test(.param .u64 p)\n{\n.reg .b32 %r<9>;\n" + body + "\n}\n");
        return Decoder.decode(module, "test", _ -> null);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "tex.2d.v4.f32.f32 %r1, %r2;|tex.2d.v4.f32.f32",
        "add.s31 %r1, %r2, %r3;|add.s31",
        "add.rn.s32 %r1, %r2, %r3;|add.rn.s32",
        "cvt.rn.e4m3x2.f32 %r1, %r2, %r3;|cvt.rn.e4m3x2.f32",
        "cvt.rx.f32.s32 %r1, %r2;|cvt.rx.f32.s32",
        "setp.xx.s32 %r1, %r2, %r3;|setp.xx.s32",
        "ld.surface.u32 %r1, [%r2];|ld.surface.u32",
        "st.global.u24 [%r2], %r1;|st.global.u24",
        "atom.global.mul.u32 %r1, [%r2], %r3;|atom.global.mul.u32",
        "shfl.down.b32 %r1, %r2, %r3, %r4;|shfl.down.b32",
        "mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%r1}, {%r2}, {%r3}, {%r4};|mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64",
        "cp.async.bulk.commit_group;|cp.async.bulk.commit_group",
        "wgmma.fence.sync.aligned;|wgmma.fence.sync.aligned"})
    void anUnknownInstructionIsNamedWithFileAndLine(String statement, String opcode) {
        assertThatThrownBy(() -> decode("mov.u32 %r1, 0;\n" + statement)).isInstanceOf(PtxException.class)
                .hasMessageContaining("[ptx] text.ptx:8: unknown instruction " + opcode + " in `" + statement + "`");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "add.s32 %r1, %r2;|text.ptx:7: 2 operands, not 3",
        "bra NOWHERE;|text.ptx:7: no label NOWHERE",
        "mov.u32 %q1, 0;|%q1",
        "ld.global.u32 %r1, [missing];|text.ptx:7: no variable missing",
        "call.uni nobody, ();|text.ptx:7: calls nobody, which the text does not define"})
    void mistakesAreNamedWithFileAndLine(String statement, String message) {
        assertThatThrownBy(() -> decode(statement)).isInstanceOf(PtxException.class).hasMessageContaining(message);
    }

    @Test
    void truncatedPtxAndPtxWithoutAVersionAreRefused() {
        assertThatThrownBy(() -> PtxParser.parse("a.ptx", HEADER + ".entry test() { ret;"))
                .hasMessageContaining("a.ptx:4: the text ends in the middle");
        assertThatThrownBy(() -> PtxParser.parse("a.ptx", "// nothing")).hasMessageContaining("no .version or no .target");
        assertThatThrownBy(() -> PtxParser.parse("a.ptx", HEADER + ".sampler x;")).hasMessageContaining("a.ptx:4: unknown directive '.sampler'");
    }

    @Test
    void parametersSharedAndLocalMemoryAreLaidOut() {
        PtxModule module = PtxParser.parse("layout.ptx", HEADER + """
                .extern .shared .align 128 .b8 dynamic[];
                .shared .align 8 .b8 fixed[20]; /* a comment
                of two lines */
                .visible .entry test(.param .u32 a, .param .u64 b, .param .align 4 .b8 c[12], .param .f32 d)
                .maxntid 128, 1, 1
                .minnctapersm 2
                {
                .shared .align 16 .b8 own[4];
                .local .align 16 .b8 depot[40];
                .pragma "nounroll";
                .loc 1 2 3
                ret;
                }
                """);
        assertThat(module.version()).isEqualTo("7.0");
        assertThat(module.target()).isEqualTo("sm_80");
        Kernel kernel = Decoder.decode(module, "test", _ -> null);
        assertThat(kernel.parameters.toString()).isEqualTo("[Parameter[offset=0, size=4], Parameter[offset=8, size=8], Parameter[offset=16, size=12],"
                + " Parameter[offset=28, size=4]]");
        assertThat(kernel.parameterBytes).isEqualTo(32);
        assertThat(kernel.sharedBytes).isEqualTo(128);
        assertThat(kernel.localBytes).isEqualTo(40);
        assertThat(kernel.maxThreads).isEqualTo(128);
    }
}
