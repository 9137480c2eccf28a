package kept.bench.recording;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/**
 * The registers of each kernel, as NVIDIA's compiler assembles it for compute capability 8.0 and 9.0. They are the lines of {@value #FILE} beside
 * this class, which {@code PtxAssemblyTest} compares with the kernels.
 */
final class Registers {
    /** Name of the resource. */
    static final String FILE = "registers.txt";

    private static final int FILE_OF_MULTIPROCESSOR = 65_536;
    private static final int LANES = 32;
    /** Registers are given to a warp in units. */
    private static final int UNIT = 256;
    private static final int HOPPER = 90;
    private static final Map<String, int[]> KERNELS = read();

    private Registers() {}

    /**
     * Returns the registers of a thread.
     *
     * @param kernel name of the kernel
     * @param capability compute capability times 10; others have the registers of 8.0, or from 9.0 on those of 9.0
     * @return registers
     * @throws IllegalArgumentException if the kernel is unknown here
     */
    static int of(String kernel, int capability) {
        int[] registers = KERNELS.get(kernel);
        if (registers == null) {
            throw new IllegalArgumentException("[recording] the registers of the kernel %s are unknown: renew %s".formatted(kernel, FILE));
        }
        return registers[capability >= HOPPER ? 1 : 0];
    }

    /**
     * Returns the blocks for which a multiprocessor has registers.
     *
     * @param registers registers of a thread
     * @param threads threads of a block
     * @return number of blocks
     */
    static int blocks(int registers, int threads) {
        int ofWarp = Math.ceilDiv(registers * LANES, UNIT) * UNIT;
        return FILE_OF_MULTIPROCESSOR / (ofWarp * Math.ceilDiv(threads, LANES));
    }

    private static Map<String, int[]> read() {
        try (InputStream in = Registers.class.getResourceAsStream(FILE)) {
            if (in == null) {
                throw new IllegalStateException("[recording] no resource " + FILE);
            }
            Map<String, int[]> kernels = new HashMap<>();
            new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().filter(line -> !line.startsWith("#")).map(line -> line.split(";"))
                    .forEach(fields -> kernels.put(fields[0], new int[] {Integer.parseInt(fields[1]), Integer.parseInt(fields[2])}));
            return kernels;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
