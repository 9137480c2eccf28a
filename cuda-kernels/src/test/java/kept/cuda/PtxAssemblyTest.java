package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import jcuda.nvptxcompiler.JNvPTXCompiler;
import jcuda.nvptxcompiler.nvPTXCompileResult;
import jcuda.nvptxcompiler.nvPTXCompilerHandle;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * NVIDIA's PTX compiler, which JCuda contains (CUDA 12.6), assembles every module without register spills. It needs neither a GPU nor a driver. JCuda
 * has it for Linux on x86-64 only; on other platforms there are no test cases.
 */
class PtxAssemblyTest {
    private static final List<String> DEVICES = List.of("sm_80", "sm_86", "sm_90");
    private static final Pattern KERNEL = Pattern.compile(
            "Compiling entry function '(\\w+)'.*?(\\d+) bytes spill stores, (\\d+) bytes spill loads.*?Used (\\d+) registers", Pattern.DOTALL);
    private static final Pattern ENTRY = Pattern.compile("\\.entry ");

    @TestFactory
    Stream<DynamicTest> everyKernelIsAssembledWithoutSpills() {
        boolean available = System.getProperty("os.name").equals("Linux") && System.getProperty("os.arch").equals("amd64");
        return (available ? CommittedPtx.modules() : List.<String>of()).stream().flatMap(module -> DEVICES.stream()
                .map(device -> DynamicTest.dynamicTest(module + " for " + device, () -> assemble(module, device))));
    }

    private static void assemble(String module, String device) {
        String ptx = CommittedPtx.text(module);
        List<MatchResult> kernels = KERNEL.matcher(compilerLog(module, ptx, device)).results().toList();
        assertThat(kernels).as("all entries of %s are in the compiler's log", module).hasSize((int) ENTRY.matcher(ptx).results().count());
        StringBuilder registers = new StringBuilder("%s for %s, registers:".formatted(module, device));
        for (MatchResult kernel : kernels) {
            assertThat(Integer.parseInt(kernel.group(2)) + Integer.parseInt(kernel.group(3))).as("bytes spilled by %s on %s", kernel.group(1), device)
                    .isZero();
            registers.append(' ').append(kernel.group(1)).append(' ').append(kernel.group(4));
        }
        System.out.println(registers);
    }

    private static String compilerLog(String module, String ptx, String device) {
        byte[] text = (ptx + '\0').getBytes(StandardCharsets.UTF_8);
        var compiler = new nvPTXCompilerHandle();
        assertThat(JNvPTXCompiler.nvPTXCompilerCreate(compiler, text.length, text)).isEqualTo(nvPTXCompileResult.NVPTXCOMPILE_SUCCESS);
        try {
            String[] options = {"--gpu-name=" + device, "--verbose"};
            int result = JNvPTXCompiler.nvPTXCompilerCompile(compiler, options.length, options);
            assertThat(result).as("%s for %s: %s", module, device, errors(compiler)).isEqualTo(nvPTXCompileResult.NVPTXCOMPILE_SUCCESS);
            long[] size = new long[1];
            JNvPTXCompiler.nvPTXCompilerGetInfoLogSize(compiler, size);
            byte[] log = new byte[Math.toIntExact(size[0]) + 1];
            JNvPTXCompiler.nvPTXCompilerGetInfoLog(compiler, log);
            return new String(log, StandardCharsets.UTF_8);
        } finally {
            JNvPTXCompiler.nvPTXCompilerDestroy(compiler);
        }
    }

    private static String errors(nvPTXCompilerHandle compiler) {
        long[] size = new long[1];
        JNvPTXCompiler.nvPTXCompilerGetErrorLogSize(compiler, size);
        byte[] log = new byte[Math.toIntExact(size[0]) + 1];
        if (size[0] > 0) {
            JNvPTXCompiler.nvPTXCompilerGetErrorLog(compiler, log);
        }
        return new String(log, StandardCharsets.UTF_8).trim();
    }
}
