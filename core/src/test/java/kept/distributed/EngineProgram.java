package kept.distributed;

import java.time.Duration;
import java.util.Arrays;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * What each process of {@code MpiEnginesTest} does; prints one line if all is well. The argument says what: {@code all} calls, {@code fail} in rank
 * 1, {@code fail-sum} in rank 1 after a sum of the engine, {@code vanish} in rank 1 without a message, {@code die} in rank 1, or {@code wait} for a
 * rank that computes for long.
 */
final class EngineProgram {
    private EngineProgram() {}

    public static void main(String[] arguments) throws Exception {
        Communicator ranks = Ranks.open();
        String prefix = "[rank %d of %d] ".formatted(ranks.rank(), ranks.size());
        try (var _ = Scope.open()) {
            switch (arguments[0]) {
                case "all" -> all(ranks);
                case "fail" -> fail(ranks);
                case "fail-sum" -> failSum(ranks);
                case "vanish" -> vanish(ranks);
                case "die" -> die(ranks);
                case "wait" -> await(ranks);
                default -> throw new IllegalArgumentException(arguments[0]);
            }
            System.out.println(prefix + "done");
        } catch (RankException e) {
            System.out.println(prefix + e.getMessage());
            ranks.fail(e.getMessage());
        } finally {
            ranks.close();
        }
    }

    private static void all(Communicator ranks) {
        require(ranks.localSize() == ranks.size() && ranks.localRank() == ranks.rank(), "the ranks share this machine");
        for (DType dtype : new DType[] {DType.F32, DType.BF16}) {
            for (int length : new int[] {0, 1, 7, 20_011}) {
                sums(ranks, dtype, length);
            }
        }
        for (int root = 0; root < ranks.size(); root++) {
            Tensor tensor = Tensor.full(ranks.rank(), DType.I64, Shape.of(1000));
            ranks.broadcast(tensor, root);
            require(Arrays.equals(tensor.toLongArray(), Tensor.full(root, DType.I64, Shape.of(1000)).toLongArray()), "broadcast of " + root);
        }
        sumsOfTheEngine(ranks);
        cutMessages(ranks);
        inTheBackground(ranks);
        ranks.barrier();
        nullReferences();
    }

    private static void sums(Communicator ranks, DType dtype, int length) {
        int count = 4 * ranks.size() - 1;
        byte[] expected = TestTensors.treeSum(count, dtype, length);
        Leaves leaves = Leaves.of(count, ranks.size());
        Tensor own = Tensor.empty(dtype, Shape.of(length));
        try (var sum = new TreeSum(leaves.size(ranks.rank()))) {
            for (long leaf = leaves.first(ranks.rank()); leaf < leaves.end(ranks.rank()); leaf++) {
                own.assign(TestTensors.leaf(leaf, dtype, length));
                sum.add(own);
            }
        }
        Division division = Division.of(length, ranks.size());
        Tensor part = Tensor.empty(dtype, Shape.of(division.size(ranks.rank())));
        long before = ranks.bytesSent();
        ranks.reduceScatter(own, part, division, leaves);
        require(ranks.bytesSent() - before == (length - part.elementCount()) * dtype.bytes(), "bytes of reduceScatter");
        Tensor whole = Tensor.empty(dtype, Shape.of(length));
        ranks.allGather(part, whole);
        require(Arrays.equals(TestTensors.bytes(whole), expected), "reduceScatter of " + length + " " + dtype);
        ranks.allReduce(own, leaves);
        require(Arrays.equals(TestTensors.bytes(own), expected), "allReduce of " + length + " " + dtype);
    }

    /** In the engine's order: near the tree's, twice the same, and the same in each rank. Between two ranks one is cut into two messages. */
    private static void sumsOfTheEngine(Communicator ranks) {
        int most = ranks.size() == 2 ? (int) HostCommunicator.MESSAGE_BYTES / Float.BYTES : 0;
        for (int length : new int[] {0, 1, 7, 20_011, most + 3}) {
            Tensor own = length > 20_011 ? Tensor.full(ranks.rank() + 1, DType.F32, Shape.of(length))
                    : TestTensors.leaf(ranks.rank(), DType.F32, length);
            Tensor tree = copy(own);
            ranks.allReduce(tree);
            for (int call = 0; call < 2; call++) {
                Division division = new Division(length, ranks.size(), 4);
                Tensor part = Tensor.empty(DType.F32, Shape.of(division.size(ranks.rank())));
                long before = ranks.bytesSent();
                ranks.reduceScatterByEngine(own, part, division);
                require(ranks.bytesSent() - before == (length - part.elementCount()) * Float.BYTES, "bytes of a sum of the engine");
                Tensor scattered = Tensor.empty(DType.F32, Shape.of(length));
                ranks.allGather(part, scattered, division);
                Tensor whole = copy(own);
                ranks.allReduceByEngine(whole);
                requireNear(scattered, tree, "reduceScatterByEngine of " + length);
                requireNear(whole, tree, "allReduceByEngine of " + length);
                Tensor first = copy(whole);
                ranks.broadcast(first, 0);
                require(Arrays.equals(TestTensors.bytes(first), TestTensors.bytes(whole)), "allReduceByEngine in all ranks");
            }
        }
        require(ranks.summingEngine(DType.F32, Device.cpu()).isPresent() == ranks.size() > 1, "the engine adds F32");
        require(ranks.summingEngine(DType.BF16, Device.cpu()).isEmpty(), "MPI has no BF16");
        Tensor own = TestTensors.leaf(ranks.rank(), DType.BF16, 1000);
        ranks.allReduceByEngine(own);
        require(Arrays.equals(TestTensors.bytes(own), TestTensors.treeSum(ranks.size(), DType.BF16, 1000)), "BF16 in the tree");
    }

    private static Tensor copy(Tensor tensor) {
        return Tensor.empty(tensor.dtype(), tensor.shape()).assign(tensor);
    }

    private static void requireNear(Tensor sum, Tensor tree, String what) {
        if (sum.elementCount() > 0) {
            double error = sum.sub(tree).abs().max().item();
            require(error <= 1e-6 * Math.max(1, tree.abs().max().item()), what + " differs from the tree by " + error);
        }
    }

    /** Two threads use the engine, in different orders on the ranks. */
    private static void inTheBackground(Communicator ranks) {
        Tensor before = Tensor.ones(1_000_000);
        Tensor behind = Tensor.full(ranks.rank(), DType.F32, Shape.of(3_000_000));
        for (int i = 0; i < 5; i++) {
            if (ranks.rank() % 2 == 1) {
                ranks.allReduce(before);
            }
            Communicator.Pending calls = ranks.begin(Device.cpu(), beside -> beside.broadcast(behind, ranks.size() - 1));
            if (ranks.rank() % 2 == 0) {
                ranks.allReduce(before);
            }
            calls.await();
        }
        require(before.sub(Math.pow(ranks.size(), 5)).abs().max().item() == 0, "calls beside those in the background");
        require(behind.sub(ranks.size() - 1).abs().max().item() == 0, "calls in the background");
    }

    /** Between two ranks: one message and a part of another, and in the other direction three. */
    private static void cutMessages(Communicator ranks) {
        if (ranks.size() != 2) {
            return;
        }
        long[] bytes = {HostCommunicator.MESSAGE_BYTES + 12, 2 * HostCommunicator.MESSAGE_BYTES + 4};
        Tensor sent = Tensor.full(ranks.rank() + 1, DType.F32, Shape.of(bytes[ranks.rank()] / 4));
        Tensor received = Tensor.full(Double.NaN, DType.F32, Shape.of(bytes[1 - ranks.rank()] / 4));
        ranks.exchange(sent, received, 1 - ranks.rank());
        require(received.sub(2 - ranks.rank()).abs().sum().item() == 0, "messages that are cut");
    }

    /** Java finds null references by a signal, which an engine must leave alone. */
    private static void nullReferences() {
        Object[] values = new Object[1000];
        Arrays.fill(values, "text");
        values[999] = null;
        int found = 0;
        for (int i = 0; i < 200; i++) {
            found += nulls(values);
        }
        require(found == 200, "null references");
    }

    private static int nulls(Object... values) {
        int sum = 0;
        try {
            for (Object value : values) {
                sum += value.hashCode() & 1;
            }
        } catch (NullPointerException e) {
            return 1;
        }
        return Math.min(sum, 0);
    }

    private static void fail(Communicator ranks) {
        if (ranks.rank() == 1) {
            throw new RankException("the disk is full");
        }
        ranks.allReduce(Tensor.zeros(1000));
    }

    /** The second sum of rank 1 never begins. */
    private static void failSum(Communicator ranks) {
        Tensor tensor = Tensor.ones(1000);
        ranks.allReduceByEngine(tensor);
        if (ranks.rank() == 1) {
            throw new RankException("the disk is full");
        }
        ranks.allReduceByEngine(tensor);
    }

    private static void vanish(Communicator ranks) {
        if (ranks.rank() != 1) {
            ranks.allReduce(Tensor.zeros(1000));
        }
    }

    private static void die(Communicator ranks) {
        ranks.barrier();
        if (ranks.rank() == 1) {
            Runtime.getRuntime().halt(9);
        }
        ranks.allReduce(Tensor.zeros(1000));
    }

    /** Rank 1 comes two seconds late; the others sleep meanwhile. */
    private static void await(Communicator ranks) throws InterruptedException {
        ranks.barrier();
        if (ranks.rank() == 1) {
            Thread.sleep(2000);
        }
        Duration before = cpuTime();
        ranks.barrier();
        require(ranks.rank() == 1 || cpuTime().minus(before).toMillis() < 1000, "a waiting rank sleeps");
    }

    private static Duration cpuTime() {
        return ProcessHandle.current().info().totalCpuDuration().orElse(Duration.ZERO);
    }

    private static void require(boolean condition, String what) {
        if (!condition) {
            throw new RankException("wrong: " + what);
        }
    }
}
