package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import jcuda.nvptxcompiler.JNvPTXCompiler;
import jcuda.nvptxcompiler.nvPTXCompileResult;
import jcuda.nvptxcompiler.nvPTXCompilerHandle;

/**
 * A module assembled for a device by NVIDIA's PTX compiler, which JCuda contains (CUDA 12.6). It needs neither a GPU nor a driver. JCuda has it for
 * Linux on x86-64 only.
 *
 * @param registers registers of a thread by kernel
 * @param spilled bytes that a thread of a kernel stores to and loads from memory for want of registers
 * @param code machine code by kernel
 */
record Cubin(Map<String, Integer> registers, Map<String, Integer> spilled, Map<String, ByteBuffer> code) {
    private static final Pattern KERNEL = Pattern.compile(
            "Compiling entry function '(\\w+)'.*?(\\d+) bytes spill stores, (\\d+) bytes spill loads.*?Used (\\d+) registers", Pattern.DOTALL);
    private static final int INSTRUCTION_BYTES = 16;
    /** Operation code of an instruction, without the bits for the form of its operands, and those of fused multiply-adds in f32 and f64. */
    private static final int OPCODE = 0x1ff;
    private static final int FFMA = 0x23;
    private static final int DFMA = 0x2b;

    static boolean available() {
        return System.getProperty("os.name").equals("Linux") && System.getProperty("os.arch").equals("amd64");
    }

    /**
     * Assembles a module.
     *
     * @param module name for messages
     * @param ptx PTX text
     * @param device name of an architecture, such as {@code sm_80}
     * @param options further options of the compiler
     */
    static Cubin of(String module, String ptx, String device, String... options) {
        byte[] text = (ptx + '\0').getBytes(StandardCharsets.UTF_8);
        var compiler = new nvPTXCompilerHandle();
        assertThat(JNvPTXCompiler.nvPTXCompilerCreate(compiler, text.length, text)).isEqualTo(nvPTXCompileResult.NVPTXCOMPILE_SUCCESS);
        try {
            String[] all = Stream.concat(Stream.of("--gpu-name=" + device, "--verbose"), Stream.of(options)).toArray(String[]::new);
            int result = JNvPTXCompiler.nvPTXCompilerCompile(compiler, all.length, all);
            assertThat(result).as("%s for %s: %s", module, device, errors(compiler)).isEqualTo(nvPTXCompileResult.NVPTXCOMPILE_SUCCESS);
            Map<String, Integer> registers = new TreeMap<>();
            Map<String, Integer> spilled = new TreeMap<>();
            for (MatchResult kernel : KERNEL.matcher(log(compiler)).results().toList()) {
                registers.put(kernel.group(1), Integer.parseInt(kernel.group(4)));
                spilled.put(kernel.group(1), Integer.parseInt(kernel.group(2)) + Integer.parseInt(kernel.group(3)));
            }
            return new Cubin(registers, spilled, code(program(compiler)));
        } finally {
            JNvPTXCompiler.nvPTXCompilerDestroy(compiler);
        }
    }

    private static byte[] program(nvPTXCompilerHandle compiler) {
        long[] size = new long[1];
        JNvPTXCompiler.nvPTXCompilerGetCompiledProgramSize(compiler, size);
        byte[] program = new byte[Math.toIntExact(size[0])];
        JNvPTXCompiler.nvPTXCompilerGetCompiledProgram(compiler, program);
        return program;
    }

    private static String log(nvPTXCompilerHandle compiler) {
        long[] size = new long[1];
        JNvPTXCompiler.nvPTXCompilerGetInfoLogSize(compiler, size);
        byte[] log = new byte[Math.toIntExact(size[0]) + 1];
        JNvPTXCompiler.nvPTXCompilerGetInfoLog(compiler, log);
        return new String(log, StandardCharsets.UTF_8);
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

    /** The sections {@code .text.KERNEL} of an ELF file of 64 bits. */
    private static Map<String, ByteBuffer> code(byte[] elf) {
        ByteBuffer file = ByteBuffer.wrap(elf).order(ByteOrder.LITTLE_ENDIAN);
        int headers = (int) file.getLong(40);
        int count = file.getShort(60);
        int names = section(file, headers, file.getShort(62))[1];
        Map<String, ByteBuffer> code = new HashMap<>();
        for (int i = 0; i < count; i++) {
            int[] at = section(file, headers, i);
            int end = names + at[0];
            while (elf[end] != 0) {
                end++;
            }
            String name = new String(elf, names + at[0], end - names - at[0], StandardCharsets.UTF_8);
            if (name.startsWith(".text.")) {
                code.put(name.substring(".text.".length()), file.slice(at[1], at[2]).order(ByteOrder.LITTLE_ENDIAN));
            }
        }
        return code;
    }

    /** Position of a section's name among the names, and position and size of its bytes. */
    private static int[] section(ByteBuffer file, int headers, int index) {
        int header = headers + 64 * index;
        return new int[] {file.getInt(header), (int) file.getLong(header + 24), (int) file.getLong(header + 32)};
    }

    /**
     * Returns the number of fused multiply-adds in the machine code of a kernel.
     *
     * @param kernel name of the kernel
     * @return those in f32 and in f64
     */
    int fused(String kernel) {
        ByteBuffer bytes = code.get(kernel);
        int count = 0;
        for (int at = 0; at < bytes.limit(); at += INSTRUCTION_BYTES) {
            int opcode = bytes.getShort(at) & OPCODE;
            count += opcode == FFMA || opcode == DFMA ? 1 : 0;
        }
        return count;
    }

    /**
     * Returns the kernels whose machine code differs from that of another assembly, with the number of fused multiply-adds in both.
     *
     * @param other the same module, assembled otherwise
     * @return lines of text
     */
    List<String> differences(Cubin other) {
        List<String> lines = new ArrayList<>();
        code.forEach((kernel, bytes) -> {
            if (!bytes.equals(other.code.get(kernel))) {
                lines.add("%s: %d and %d fused multiply-adds".formatted(kernel, fused(kernel), other.fused(kernel)));
            }
        });
        return lines;
    }
}
