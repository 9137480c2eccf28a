package kept.bench.recording;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import kept.cuda.driver.LaunchCounts;
import kept.cuda.driver.Pipe;

/**
 * What each kernel does for a unit of its work, counted on the virtual GPU at a small shape. The file {@value #FILE} beside this class holds the
 * counts; a test compares them with the kernels.
 */
public final class KernelCosts {
    /** Name of the resource with the counts. */
    public static final String FILE = "kernel-counts.txt";

    private static final int PIPES = Pipe.values().length;
    private static final int FIELDS = 4 + PIPES + 7;
    private static final Map<String, Row> ROWS = read();

    private KernelCosts() {}

    /**
     * The counts of a launch.
     *
     * @param kernel name of the kernel
     * @param shape shape of the operands
     * @param units work of the launch in the units of {@link KernelWork}
     * @param leastBytes bytes of its operands, each once, as {@link KernelWork} derives them
     * @param instructions machine instructions of all warps by pipe, in the order of {@link Pipe}
     * @param stalls times that a warp waited for device memory
     * @param bytesAsked bytes of device memory that threads asked for
     * @param sectors 32-byte sectors of device memory, once for each warp instruction
     * @param distinctSectors sectors that were read, and that were written, each once
     * @param wavefronts cycles of shared memory
     * @param leastWavefronts cycles of shared memory without bank conflicts
     * @param multiplyAdds multiply-adds on tensor cores
     */
    public record Row(String kernel, String shape, double units, double leastBytes, List<Long> instructions, long stalls, long bytesAsked,
            long sectors, long distinctSectors, long wavefronts, long leastWavefronts, long multiplyAdds) {
        /**
         * Converts the counts of the virtual GPU.
         *
         * @param shape shape of the operands
         * @param counts counts of a launch
         * @return row
         */
        public static Row of(String shape, LaunchCounts counts) {
            var launch = new Recording.Launch(counts.kernel(), counts.grid(), counts.sharedBytes(),
                    Arguments.copyOf(MemorySegment.ofArray(counts.arguments())));
            KernelWork work = KernelWork.of(launch);
            return new Row(counts.kernel(), shape, work.units(), work.bytes(),
                    Arrays.stream(Pipe.values()).map(pipe -> counts.instructions().get(pipe)).toList(), counts.stalls(), counts.bytesAsked(),
                    counts.sectors(), counts.distinctSectors(), counts.wavefronts(), counts.leastWavefronts(), counts.multiplyAdds());
        }

        static Row parse(String line) {
            String[] fields = line.split(";");
            if (fields.length != FIELDS) {
                throw new IllegalStateException("[recording] %s has %d fields, not %d: %s".formatted(FILE, fields.length, FIELDS, line));
            }
            long[] numbers = Arrays.stream(fields).skip(4).mapToLong(Long::parseLong).toArray();
            return new Row(fields[0], fields[1], Double.parseDouble(fields[2]), Double.parseDouble(fields[3]),
                    Arrays.stream(numbers, 0, PIPES).boxed().toList(), numbers[PIPES], numbers[PIPES + 1],
                    numbers[PIPES + 2], numbers[PIPES + 3], numbers[PIPES + 4], numbers[PIPES + 5], numbers[PIPES + 6]);
        }

        /**
         * Subtracts the counts of the same kernel with less work for each block, so that the work that each block does once is left out.
         *
         * @param less row with less work
         * @return difference of both rows, with both shapes
         */
        public Row minus(Row less) {
            return new Row(kernel, shape + " - " + less.shape, units - less.units, leastBytes - less.leastBytes,
                    IntStream.range(0, PIPES).mapToObj(i -> instructions.get(i) - less.instructions.get(i)).toList(), stalls - less.stalls,
                    bytesAsked - less.bytesAsked, sectors - less.sectors, distinctSectors - less.distinctSectors, wavefronts - less.wavefronts,
                    leastWavefronts - less.leastWavefronts, multiplyAdds - less.multiplyAdds);
        }

        /**
         * Returns the row as a line of the file.
         *
         * @return fields separated by semicolons
         */
        public String line() {
            return "%s;%s;%.0f;%.0f;%s;%d;%d;%d;%d;%d;%d;%d".formatted(kernel, shape, units, leastBytes,
                    instructions.stream().map(String::valueOf).collect(Collectors.joining(";")), stalls, bytesAsked, sectors, distinctSectors,
                    wavefronts, leastWavefronts, multiplyAdds);
        }

        /**
         * Returns the instructions of a pipe.
         *
         * @param pipe pipe
         * @return machine instructions of all warps
         */
        public long instructions(Pipe pipe) {
            return instructions.get(pipe.ordinal());
        }

        /**
         * Returns the instructions of all pipes.
         *
         * @return machine instructions of all warps
         */
        public long allInstructions() {
            return instructions.stream().mapToLong(Long::longValue).sum();
        }
    }

    /**
     * Returns the first line of the file.
     *
     * @return names of the fields
     */
    public static String header() {
        return "# kernel;shape;units;least bytes;" + Arrays.stream(Pipe.values()).map(pipe -> pipe.name().toLowerCase(Locale.ROOT))
                .collect(Collectors.joining(";")) + ";stalls;bytes asked;sectors;distinct sectors;wavefronts;least wavefronts;multiply-adds";
    }

    /**
     * Returns the counts of a kernel.
     *
     * @param kernel name of the kernel
     * @return counts; nothing if the file does not have the kernel
     */
    public static Optional<Row> of(String kernel) {
        return Optional.ofNullable(ROWS.get(kernel));
    }

    private static Map<String, Row> read() {
        try (InputStream in = KernelCosts.class.getResourceAsStream(FILE)) {
            if (in == null) {
                throw new IllegalStateException("[recording] no resource " + FILE);
            }
            Map<String, Row> rows = new HashMap<>();
            new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().filter(line -> !line.startsWith("#")).map(Row::parse)
                    .forEach(row -> rows.put(row.kernel(), row));
            return rows;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
