package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * NVIDIA's PTX compiler assembles every module without register spills, with registers for its largest launch, and without fusing a product and a sum
 * that the PTX has apart. That takes 20 seconds of a processor, and the same PTX has the same machine code again: only modules that have changed
 * since they were last assembled ({@code assembled.txt}) are assembled. {@code -Dkept.thorough} assembles all, looks for fused operations, for which
 * it compiles once more, and includes devices between the first and the last. On platforms where JCuda has no compiler nothing is assembled.
 */
class PtxAssemblyTest {
    private static final boolean THOROUGH = Boolean.getBoolean("kept.thorough");
    private static final List<String> DEVICES = THOROUGH ? List.of("sm_80", "sm_86", "sm_90") : List.of("sm_80", "sm_90");
    /** The SHA-256 of each module as it was when {@link #TABLE} was written. */
    private static final Path DIGESTS = Path.of("src/test/resources/kept/cuda/assembled.txt");
    private static final Pattern ENTRY = Pattern.compile("\\.entry (\\w+)\\([^{]*");
    private static final Pattern BOUND = Pattern.compile("\\.maxntid (\\d+)(?:, (\\d+), (\\d+))?");
    private static final Pattern REGISTERS = Pattern.compile("\\.maxnreg (\\d+)");

    /** Registers of a multiprocessor, the number of them that a warp is given at a time, and the largest number of threads of a block. */
    private static final int ALL_REGISTERS = 65_536;
    private static final int REGISTERS_AT_ONCE = 256;
    private static final int MAX_THREADS = 1024;
    private static final int WARP = 32;

    /** Registers by kernel on the first and the last device, which the predictions of {@code kept.bench} use. */
    private static final Path TABLE = Path.of("../bench/src/main/resources/kept/bench/recording/registers.txt");
    private static final String WRITE = "kept.registers.write";
    private static final boolean WRITES = Boolean.getBoolean(WRITE);
    private static final Map<String, Map<String, Integer>> ASSEMBLED = new ConcurrentSkipListMap<>();

    @AfterAll
    static void writeTable() throws IOException {
        if (WRITES) {
            List<String> lines = new ArrayList<>(List.of("# kernel;" + DEVICES.getFirst() + ";" + DEVICES.getLast()));
            ASSEMBLED.forEach((kernel, of) -> lines.add("%s;%d;%d".formatted(kernel, of.get(DEVICES.getFirst()), of.get(DEVICES.getLast()))));
            Files.write(TABLE, lines);
            Files.write(DIGESTS, digests());
        }
    }

    private static List<String> digests() {
        return CommittedPtx.modules().stream().map(module -> module + " " + digest(CommittedPtx.text(module))).toList();
    }

    private static String digest(String ptx) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(ptx.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    /** So that the quick form of this test knows each module. */
    @Test
    void everyModuleIsTheOneThatWasAssembledLast() {
        assertThat(WRITES ? digests() : lines(DIGESTS)).as("if a module is right, run this test with -D%s=true", WRITE).isEqualTo(digests());
    }

    private static void compareWithTable(String device, Cubin cubin) {
        int column = device.equals(DEVICES.getFirst()) ? 1 : device.equals(DEVICES.getLast()) ? 2 : 0;
        if (column == 0) {
            return;
        }
        cubin.registers().forEach((kernel, registers) ->
                ASSEMBLED.computeIfAbsent(kernel, _ -> new ConcurrentHashMap<>()).put(device, registers));
        if (WRITES) {
            return;
        }
        Map<String, Integer> held = new TreeMap<>();
        for (String line : lines(TABLE)) {
            String[] fields = line.split(";");
            if (cubin.registers().containsKey(fields[0])) {
                held.put(fields[0], Integer.valueOf(fields[column]));
            }
        }
        assertThat(held).as("registers on %s in %s; to renew it, run this test with -D%s=true", device, TABLE, WRITE).isEqualTo(cubin.registers());
    }

    private static List<String> lines(Path file) {
        try {
            return Files.readAllLines(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A test for each of these modules and each device. The compiler uses one core, so they run side by side. */
    @TestFactory
    List<DynamicTest> everyKernelIsAssembledWithoutSpillsAndFitsItsLargestLaunch() {
        List<DynamicTest> tests = new ArrayList<>();
        try (var threads = Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors())) {
            for (String module : modules()) {
                for (String device : DEVICES) {
                    Future<Void> done = threads.submit(() -> assemble(module, device));
                    tests.add(DynamicTest.dynamicTest(module + " for " + device, () -> result(done)));
                }
            }
        }
        return tests;
    }

    /** Those to assemble. */
    private static List<String> modules() {
        if (!Cubin.available()) {
            return List.of();
        }
        Set<String> known = THOROUGH || WRITES ? Set.of() : Set.copyOf(lines(DIGESTS));
        return CommittedPtx.modules().stream().filter(module -> !known.contains(module + " " + digest(CommittedPtx.text(module)))).toList();
    }

    private static void result(Future<Void> done) throws Throwable {
        try {
            done.get();
        } catch (ExecutionException e) {
            throw e.getCause();
        }
    }

    private static Void assemble(String module, String device) {
        String ptx = CommittedPtx.text(module);
        var cubin = Cubin.of(module, ptx, device);
        assertThat(cubin.registers()).as("all entries of %s are in the compiler's log", module).hasSameSizeAs(ENTRY.matcher(ptx).results().toList());
        cubin.spilled().forEach((kernel, bytes) -> assertThat(bytes).as("bytes spilled by %s on %s", kernel, device).isZero());
        assertThat(tooManyRegisters(ptx, cubin)).as("%s for %s", module, device).isEmpty();
        System.out.printf("%s for %s, registers: %s%n", module, device, cubin.registers());
        compareWithTable(device, cubin);
        if (THOROUGH) {
            assertThat(cubin.differences(Cubin.of(module, ptx, device, "--fmad=false")))
                    .as("machine code of %s for %s, with fusing allowed and forbidden", module, device).isEmpty();
        }
        return null;
    }

    /** Kernels with too few registers for their largest block, which has the threads of .maxntid, or those that .maxnreg leaves room for. */
    private static List<String> tooManyRegisters(String ptx, Cubin cubin) {
        List<String> kernels = new ArrayList<>();
        for (MatchResult entry : ENTRY.matcher(ptx).results().toList()) {
            String kernel = entry.group(1);
            int threads = threads(entry.group());
            int registers = cubin.registers().get(kernel);
            int needed = allocated(registers, threads);
            if (needed > ALL_REGISTERS) {
                kernels.add("%s: %d threads with %d registers need %d".formatted(kernel, threads, registers, needed));
            }
        }
        return kernels;
    }

    private static int allocated(int registers, int threads) {
        return Math.ceilDiv(threads, WARP) * Math.ceilDiv(registers * WARP, REGISTERS_AT_ONCE) * REGISTERS_AT_ONCE;
    }

    private static int threads(String head) {
        var bound = BOUND.matcher(head);
        if (bound.find()) {
            int rest = bound.group(2) == null ? 1 : Integer.parseInt(bound.group(2)) * Integer.parseInt(bound.group(3));
            return Integer.parseInt(bound.group(1)) * rest;
        }
        var registers = REGISTERS.matcher(head);
        return !registers.find() ? MAX_THREADS : Math.min(MAX_THREADS, ALL_REGISTERS / allocated(Integer.parseInt(registers.group(1)), WARP) * WARP);
    }

    /** Kernels with one fault each, next to those without. */
    @Test
    void tooManyRegistersAndFusedProductsAreFound() throws IOException {
        if (!Cubin.available()) {
            return;
        }
        String ptx;
        try (var in = PtxAssemblyTest.class.getResourceAsStream("virtual/faults.ptx")) {
            ptx = new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
        var cubin = Cubin.of("faults", ptx, "sm_90");
        assertThat(tooManyRegisters(ptx, cubin)).singleElement().asString().startsWith("many_registers: 1024 threads with ");
        assertThat(cubin.registers()).containsKeys("many_registers_bounded");
        Map<String, Integer> fused = Map.of("product_and_sum", cubin.fused("product_and_sum"), "rounded_product_and_sum",
                cubin.fused("rounded_product_and_sum"));
        assertThat(fused).containsEntry("product_and_sum", 1).containsEntry("rounded_product_and_sum", 0);
        assertThat(cubin.differences(Cubin.of("faults", ptx, "sm_90", "--fmad=false")))
                .contains("product_and_sum: 1 and 0 fused multiply-adds").noneMatch(line -> line.startsWith("rounded"));
    }
}
