package kept.bench.recording;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import kept.bench.recording.Recording.Copy;
import kept.bench.recording.Recording.Event;
import kept.bench.recording.Recording.Fill;
import kept.bench.recording.Recording.Launch;
import kept.bench.recording.Recording.Product;
import kept.bench.recording.Recording.Wait;

/**
 * The time of recorded work on a GPU.
 *
 * <p>The floor is what the code's own work must take: for each launch and product the larger of its bytes at the datasheet's bandwidth and its
 * operations on tensor cores at the rate of large products. The prediction adds what each kernel does besides.
 *
 * @param rows one row for each kernel, for each shape of products, and for copies, the longest first
 * @param waits number of times that the host waits
 * @param hostSeconds time of the host's calls
 */
public record Prediction(List<Row> rows, int waits, double hostSeconds) {
    /** Time between the end of a kernel and the start of the next in the same stream. */
    private static final double GAP = 1.5e-6;
    /** Time of the host for a launch or a product. */
    private static final double LAUNCH_CALL = 4e-6;
    /** Time of the host for an allocation, a free or a copy. */
    private static final double OTHER_CALL = 1e-6;
    /** Idle time of the device when the host waits for it: until the host knows and the next kernel arrives. */
    private static final double WAIT = 20e-6;
    /** Copies between host and device through PCIe 4.0 x16 with pinned staging memory. */
    private static final double HOST_BANDWIDTH = 25e9;

    /**
     * The work of a kernel in all its launches.
     *
     * @param kernel name of the kernel, or product with its shape, or copy with its direction
     * @param launches number of launches
     * @param floorSeconds floor
     * @param seconds prediction
     * @param bytes least bytes of device memory that are moved
     * @param operations operations on tensor cores or of products
     * @param limit what limits the longest launch: memory, tensor cores, instructions, shared memory
     */
    public record Row(String kernel, int launches, double floorSeconds, double seconds, double bytes, double operations, String limit) {}

    private static final class Sum {
        int launches;
        double floor;
        double seconds;
        double bytes;
        double operations;
        double longest = -1;
        String limit = "";

        void add(double floorSeconds, double predicted, double moved, double done, String limitedBy) {
            launches++;
            floor += floorSeconds;
            seconds += predicted;
            bytes += moved;
            operations += done;
            if (predicted > longest) {
                longest = predicted;
                limit = limitedBy;
            }
        }
    }

    /**
     * Predicts recorded work.
     *
     * @param events recorded events
     * @param model the GPU
     * @return prediction
     * @throws IllegalArgumentException if {@link KernelWork} does not know a kernel
     */
    public static Prediction of(List<Event> events, GpuModel model) {
        Map<String, Sum> sums = new LinkedHashMap<>();
        int waits = 0;
        double host = 0;
        for (Event event : events) {
            host += event instanceof Launch || event instanceof Product ? LAUNCH_CALL : event instanceof Wait ? 0 : OTHER_CALL;
            switch (event) {
                case Launch launch -> add(sums, launch, model);
                case Product product -> {
                    double bytes = ProductTime.bytes(product);
                    double operations = ProductTime.operations(product);
                    boolean memory = bytes / model.copyBandwidth() > operations / ProductTime.rate(product, model);
                    sum(sums, name(product)).add(ProductTime.floorSeconds(product, model), GAP + ProductTime.seconds(product, model), bytes,
                            operations, memory ? "memory" : "tensor cores");
                }
                case Copy copy -> add(sums, copy, model);
                case Fill fill -> sum(sums, "memset").add(fill.bytes() / model.bandwidth(), GAP + fill.bytes() / model.copyBandwidth(), fill.bytes(),
                        0, "memory");
                case Wait _ -> waits++;
                case Recording.Allocation _, Recording.Free _ -> { }
            }
        }
        List<Row> rows = new ArrayList<>();
        sums.forEach((name, sum) ->
                rows.add(new Row(name, sum.launches, sum.floor, sum.seconds, sum.bytes, sum.operations, sum.limit)));
        rows.sort(Comparator.comparingDouble(Row::seconds).reversed());
        return new Prediction(rows, waits, host);
    }

    private static Sum sum(Map<String, Sum> sums, String name) {
        return sums.computeIfAbsent(name, _ -> new Sum());
    }

    private static void add(Map<String, Sum> sums, Copy copy, GpuModel model) {
        switch (copy.direction()) {
            case ON_DEVICE -> sum(sums, "copy on the device").add(2 * copy.bytes() / model.bandwidth(),
                    GAP + 2 * copy.bytes() / model.copyBandwidth(), 2.0 * copy.bytes(), 0, "memory");
            case TO_DEVICE -> sum(sums, "copy to the device").add(0, GAP + copy.bytes() / HOST_BANDWIDTH, copy.bytes(), 0, "PCIe");
            case TO_HOST -> sum(sums, "copy to the host").add(0, GAP + copy.bytes() / HOST_BANDWIDTH, copy.bytes(), 0, "PCIe");
        }
    }

    private static void add(Map<String, Sum> sums, Launch launch, GpuModel model) {
        KernelWork work = KernelWork.of(launch);
        double floor = Math.max(work.bytes() / model.bandwidth(), work.tensorOperations() / model.productRate());
        KernelTime time = KernelTime.of(launch, work, model);
        sum(sums, launch.kernel()).add(floor, GAP + Math.max(floor, time.seconds()), work.bytes(), work.tensorOperations(), time.limit());
    }

    /** Names the shape as the row-major product m x k times k x n of the backend: cuBLAS computes its transpose. */
    private static String name(Product product) {
        return String.format(Locale.ROOT, "product %s%s %dx%dx%d%s", product.operands().name().toLowerCase(Locale.ROOT),
                product.result() == product.operands() ? "" : " to " + product.result().name().toLowerCase(Locale.ROOT),
                product.n(), product.m(), product.k(), product.batch() == 1 ? "" : " x " + product.batch());
    }

    /**
     * Returns the floor of all rows.
     *
     * @return seconds
     */
    public double floorSeconds() {
        return rows.stream().mapToDouble(Row::floorSeconds).sum();
    }

    /**
     * Returns the predicted time: the device's, with its idle time at waits, or the host's if that is longer.
     *
     * @return seconds
     */
    public double seconds() {
        return Math.max(deviceSeconds(), hostSeconds + waits * WAIT);
    }

    private double deviceSeconds() {
        return rows.stream().mapToDouble(Row::seconds).sum() + waits * WAIT;
    }
}
