package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The committed PTX is compiled from the committed sources. */
class PtxSourcesTest {
    private static final Pattern ENTRY = Pattern.compile("\\.entry (\\w+)");
    private static final Pattern UNROUNDED = Pattern.compile("\\b(?:add|sub|mul|mad)(?:\\.ftz)?(?:\\.sat)?\\.(?:f32|f64|f16|f16x2|bf16|bf16x2)\\b");

    static List<String> modules() {
        return CommittedPtx.modules();
    }

    /** Computes the hash as native/kernels/build does: over the source and all headers, in byte order of their names. */
    private static String hash(String module) throws IOException, NoSuchAlgorithmException {
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        digest.update(Files.readAllBytes(CommittedPtx.SOURCES.resolve(module + ".cu")));
        for (String header : CommittedPtx.names(CommittedPtx.SOURCES, ".cuh")) {
            digest.update(Files.readAllBytes(CommittedPtx.SOURCES.resolve(header + ".cuh")));
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    @ParameterizedTest
    @MethodSource("modules")
    void ptxHasTheHashOfItsSource(String module) throws Exception {
        assertThat(CommittedPtx.text(module)).as("%s.ptx is stale: run native/kernels/build %s", module, module)
                .contains("\n// source sha256 " + hash(module) + "\n");
    }

    @ParameterizedTest
    @MethodSource("modules")
    void ptxTargetsTheOldestSupportedDeviceAndDriver(String module) {
        assertThat(CommittedPtx.text(module).lines().filter(line -> line.startsWith(".version") || line.startsWith(".target")))
                .containsExactly(".version 7.0", ".target sm_80");
    }

    /** Without a rounding mode the assembler may fuse a product and a sum, and the bits of the machine code are not those of the PTX. */
    @ParameterizedTest
    @MethodSource("modules")
    void everySumAndProductHasARoundingMode(String module) {
        assertThat(CommittedPtx.text(module).lines().filter(line -> UNROUNDED.matcher(line).find())).isEmpty();
    }

    @Test
    void everySourceIsCompiled() {
        assertThat(modules()).isNotEmpty().isEqualTo(CommittedPtx.names(CommittedPtx.SOURCES, ".cu"));
    }

    @Test
    void entriesAreUniqueOverAllModules() {
        Set<String> all = new HashSet<>();
        for (String module : modules()) {
            List<String> entries = ENTRY.matcher(CommittedPtx.text(module)).results().map(match -> match.group(1)).collect(Collectors.toList());
            assertThat(entries).as(module).isNotEmpty().allSatisfy(entry -> assertThat(all.add(entry)).as("%s once only", entry).isTrue());
        }
    }
}
