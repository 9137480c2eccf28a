package kept.cuda.nccl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import kept.cuda.bindings.Nccl;
import kept.cuda.driver.CudaException;
import kept.cuda.library.FakeLibrary;
import kept.cuda.library.FakeLibrary.Call;
import kept.cuda.library.MissingLibraryException;
import kept.tensor.DType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Calls of NCCL through the bindings, into C functions that record their arguments. */
class FfmNcclTest {
    private static final long STREAM = 0x5000_0000_0001L;
    private static final long HANDLE = 0x6000_0000_0002L;
    private static final long ADDRESS = 0x7f00_0000_1000L;
    private static final Arena TEXTS = Arena.global();

    private final FakeLibrary fake = FakeLibrary.nccl();
    private FfmNccl nccl;

    @BeforeEach
    void open() {
        fake.on("ncclGetVersion", call -> answer(() -> call.put(0, 23_007)));
        nccl = FfmNccl.open();
        fake.calls();
    }

    @Test
    void everyArgumentArrivesWhereNcclExpectsIt() {
        assertThat(nccl.version()).isEqualTo(23_007);
        Set<String> called = new HashSet<>(List.of("ncclGetVersion", "ncclGetErrorString", "ncclGetLastError"));
        String id = "an id ".repeat(30).substring(0, NcclCalls.ID_BYTES);
        fake.on("ncclGetUniqueId", call -> answer(() -> MemorySegment.copy(id.getBytes(StandardCharsets.UTF_8), 0, call.at(0), ValueLayout.JAVA_BYTE,
                0, NcclCalls.ID_BYTES)));
        assertThat(new String(nccl.uniqueId(), StandardCharsets.UTF_8)).isEqualTo(id);
        called.add(last().function());

        int[] config = new int[6];
        fake.on("ncclCommInitRankConfig", call -> answer(() -> {
            call.put(0, HANDLE);
            MemorySegment.copy(call.at(4), ValueLayout.JAVA_INT, 0, config, 0, config.length);
        }));
        assertThat(nccl.join(8, id.getBytes(StandardCharsets.UTF_8), 3)).isEqualTo(HANDLE);
        Call join = last();
        called.add(join.function());
        assertThat(join.arguments().subList(1, 4)).as("the id by value").isEqualTo(List.of(8, id, 3));
        assertThat(config).as("ncclConfig_t of 2.14: size, magic, version, not blocking").containsExactly(24, 0, 0xcafebeef, 21_400, 0,
                Integer.MIN_VALUE);

        for (int state : new int[] {0, 7}) {
            fake.on("ncclCommGetAsyncError", call -> answer(() -> call.put(1, state)));
            assertThat(nccl.isDone(HANDLE)).isEqualTo(state == 0);
        }
        called.add(last().function());
        nccl.groupStart();
        expect(called, "ncclGroupStart");
        nccl.send(ADDRESS, 5_000_000_000L, ElementType.BF16, 6, HANDLE, STREAM);
        expect(called, "ncclSend", ADDRESS, 5_000_000_000L, 9, 6, HANDLE, STREAM);
        nccl.receive(ADDRESS, 1L << 40, ElementType.U8, 5, HANDLE, STREAM);
        expect(called, "ncclRecv", ADDRESS, 1L << 40, 1, 5, HANDLE, STREAM);
        nccl.allReduce(ADDRESS, 5_000_000_000L, ElementType.F32, HANDLE, STREAM);
        expect(called, "ncclAllReduce", ADDRESS, ADDRESS, 5_000_000_000L, 7, 0, HANDLE, STREAM);
        nccl.reduceScatter(ADDRESS, ADDRESS + 1, 1L << 40, ElementType.BF16, HANDLE, STREAM);
        expect(called, "ncclReduceScatter", ADDRESS, ADDRESS + 1, 1L << 40, 9, 0, HANDLE, STREAM);
        nccl.reduce(ADDRESS, ADDRESS + 2, 1L << 40, ElementType.F32, 3, HANDLE, STREAM);
        expect(called, "ncclReduce", ADDRESS, ADDRESS + 2, 1L << 40, 7, 0, 3, HANDLE, STREAM);
        fake.on("ncclGroupEnd", _ -> 7);
        nccl.groupEnd();
        expect(called, "ncclGroupEnd");
        nccl.end(HANDLE);
        expect(called, "ncclCommFinalize", HANDLE);
        nccl.destroy(HANDLE);
        expect(called, "ncclCommDestroy", HANDLE);
        nccl.abort(HANDLE);
        expect(called, "ncclCommAbort", HANDLE);
        assertThat(called).isEqualTo(bound()).isEqualTo(fake.names());
    }

    @Test
    void everyTypeIsSentInElementsOfItsSize() {
        for (DType dtype : DType.values()) {
            assertThat(ElementType.of(dtype).bytes()).as(dtype.label()).isEqualTo(dtype.bytes());
        }
        assertThat(Arrays.stream(ElementType.values()).map(ElementType::code)).as("ncclDataType_t").containsExactly(1, 2, 4, 6, 7, 8, 9);
    }

    @Test
    void aFailureHasNcclsExplanation() {
        explain("unhandled cuda error (run with NCCL_DEBUG=INFO for details)", "\n Cuda failure 'out of memory'\nmore");
        fake.on("ncclSend", _ -> 1);
        assertThatThrownBy(() -> nccl.send(ADDRESS, 12, ElementType.F32, 3, HANDLE, STREAM)).isInstanceOf(CudaException.class).hasMessage(
                "[nccl] ncclSend of 12 elements (F32) to rank 3: unhandled cuda error (run with NCCL_DEBUG=INFO for details) (1), "
                        + "Cuda failure 'out of memory'; NCCL_DEBUG=INFO tells more");
        explain("remote process exited or there was a network error", "");
        fake.on("ncclCommGetAsyncError", call -> answer(() -> call.put(1, 6)));
        assertThatThrownBy(() -> nccl.isDone(HANDLE)).isInstanceOf(CudaException.class).hasMessage(
                "[nccl] the communicator has failed: remote process exited or there was a network error (6); NCCL_DEBUG=INFO tells more");
        fake.on("ncclGetErrorString", _ -> 0);
        fake.on("ncclGetLastError", _ -> 0);
        assertThatThrownBy(() -> nccl.isDone(HANDLE)).hasMessage("[nccl] the communicator has failed: no text (6); NCCL_DEBUG=INFO tells more");
    }

    @Test
    void everyStatusIsChecked() {
        explain("internal error", "");
        for (Runnable call : List.<Runnable>of(nccl::uniqueId, () -> nccl.join(2, new byte[NcclCalls.ID_BYTES], 1), () -> nccl.isDone(HANDLE),
                nccl::groupStart, nccl::groupEnd, () -> nccl.send(1, 2, ElementType.I32, 0, HANDLE, STREAM),
                () -> nccl.receive(1, 2, ElementType.I32, 0, HANDLE, STREAM), () -> nccl.allReduce(1, 2, ElementType.F32, HANDLE, STREAM),
                () -> nccl.reduceScatter(1, 2, 3, ElementType.F32, HANDLE, STREAM),
                () -> nccl.reduce(1, 2, 3, ElementType.F32, 0, HANDLE, STREAM), () -> nccl.end(HANDLE), () -> nccl.destroy(HANDLE),
                () -> nccl.abort(HANDLE), FfmNccl::open)) {
            fake.calls();
            call.run();
            String function = last().function();
            fake.on(function, _ -> 3);
            assertThatThrownBy(call::run).as(function).isInstanceOf(CudaException.class).hasMessageContaining(function)
                    .hasMessageContaining("internal error (3)");
        }
    }

    @Test
    void anOldLibraryIsRefusedInOneLine() {
        fake.on("ncclGetVersion", call -> answer(() -> call.put(0, 21_003)));
        assertThatThrownBy(FfmNccl::open).isInstanceOf(MissingLibraryException.class).hasMessage(
                "libnccl.so.2 is NCCL 2.10.3, and 2.14.0 or later is required; update it, or name another by -Dkept.nccl=FILE");
        for (String function : fake.names()) {
            FakeLibrary.nccl().hide(function);
            assertThatThrownBy(FfmNccl::open).isInstanceOf(MissingLibraryException.class).hasMessage("libnccl.so.2 lacks " + function
                    + ", which NCCL 2.14.0 and later have; update it, or name another by -Dkept.nccl=FILE");
        }
        assertThat(FfmNccl.text(2_708)).isEqualTo("2.7.8");
    }

    private void explain(String text, String last) {
        MemorySegment general = TEXTS.allocateFrom(text);
        MemorySegment latest = TEXTS.allocateFrom(last);
        fake.on("ncclGetErrorString", _ -> general.address());
        fake.on("ncclGetLastError", _ -> latest.address());
    }

    private static int answer(Runnable effect) {
        effect.run();
        return 0;
    }

    private Call last() {
        return fake.calls().getLast();
    }

    private void expect(Set<String> called, String function, Object... arguments) {
        assertThat(last()).isEqualTo(new Call(function, List.of(arguments)));
        called.add(function);
    }

    private static Set<String> bound() {
        String ending = "$descriptor";
        return Arrays.stream(Nccl.class.getMethods()).map(method -> method.getName()).filter(name -> name.endsWith(ending))
                .map(name -> name.substring(0, name.length() - ending.length())).collect(Collectors.toSet());
    }
}
