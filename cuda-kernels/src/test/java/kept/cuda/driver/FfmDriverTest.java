package kept.cuda.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import kept.cuda.bindings.Cuda;
import kept.cuda.library.FakeLibrary;
import kept.cuda.library.FakeLibrary.Call;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Calls of the driver through the bindings, into C functions that record their arguments. */
class FfmDriverTest {
    private static final long STREAM = 0x5000_0000_0001L;
    private static final long ADDRESS = 0x7f00_0000_1000L;
    private static final Arena TEXTS = Arena.global();

    private final FakeLibrary fake = FakeLibrary.driver();
    private FfmDriver driver;

    @BeforeEach
    void open() {
        fake.on("cuDriverGetVersion", call -> answer(() -> call.put(0, 12040)));
        fake.on("cuDeviceGet", call -> answer(() -> call.put(0, 40 + call.i32(1))));
        driver = FfmDriver.open();
        fake.calls();
    }

    @AfterEach
    void forget() {
        System.clearProperty(FfmDriver.CHECK_PROPERTY);
    }

    @Test
    void everyArgumentArrivesWhereTheDriverExpectsIt() {
        Set<String> called = new HashSet<>(List.of("cuInit", "cuDriverGetVersion", "cuGetErrorName", "cuGetErrorString"));
        assertThat(driver.version()).isEqualTo(12040);

        fake.on("cuDeviceGetCount", call -> answer(() -> call.put(0, 3)));
        assertThat(driver.deviceCount()).isEqualTo(3);
        fake.on("cuDeviceGetName", call -> answer(() -> call.at(0).setString(0, "NVIDIA H200")));
        assertThat(driver.deviceName(2)).isEqualTo("NVIDIA H200");
        fake.on("cuDeviceGetAttribute", call -> answer(() -> call.put(0, call.i32(1) * 1000 + call.i32(2))));
        assertThat(driver.attribute(1, DeviceAttribute.MEMORY_POOLS)).isEqualTo(115_041);
        fake.on("cuDeviceTotalMem_v2", call -> answer(() -> call.put(0, 150_000_000_000L + call.i32(1))));
        assertThat(driver.totalMemory(2)).isEqualTo(150_000_000_042L);
        fake.on("cuDeviceGetUuid_v2", call -> answer(() -> call.at(0).setString(0, "GPU of handle %d".formatted(call.i32(1)).substring(0, 15))));
        assertThat(driver.uuid(2)).isEqualTo("GPU of handle 4\0".getBytes(StandardCharsets.UTF_8));
        fake.on("cuDevicePrimaryCtxRetain", call -> answer(() -> call.put(0, ADDRESS + call.i32(1))));
        assertThat(driver.retainPrimaryContext(1)).isEqualTo(ADDRESS + 41);
        called.addAll(names());

        driver.makeCurrent(ADDRESS);
        expect(called, "cuCtxSetCurrent", ADDRESS);
        driver.releasePrimaryContext(3);
        expect(called, "cuDevicePrimaryCtxRelease_v2", 43);

        fake.on("cuStreamCreate", call -> answer(() -> call.put(0, STREAM + call.i32(1))));
        assertThat(driver.createStream()).isEqualTo(STREAM + 1);
        called.addAll(names());
        driver.destroyStream(STREAM);
        expect(called, "cuStreamDestroy_v2", STREAM);
        driver.synchronize(STREAM);
        expect(called, "cuStreamSynchronize", STREAM);

        fake.on("cuEventCreate", call -> answer(() -> call.put(0, 77L + call.i32(1))));
        assertThat(driver.createEvent()).isEqualTo(77);
        called.addAll(names());
        driver.record(77, STREAM);
        expect(called, "cuEventRecord", 77L, STREAM);
        driver.awaitEvent(STREAM, 77);
        expect(called, "cuStreamWaitEvent", STREAM, 77L, 0);
        driver.synchronizeEvent(77);
        expect(called, "cuEventSynchronize", 77L);
        assertThat(driver.isReached(77)).isTrue();
        expect(called, "cuEventQuery", 77L);
        fake.on("cuEventQuery", _ -> 600);
        assertThat(driver.isReached(77)).isFalse();
        fake.calls();
        driver.destroyEvent(77);
        expect(called, "cuEventDestroy_v2", 77L);
        for (String function : List.of("cuEventElapsedTime_v2", "cuEventElapsedTime")) {
            fake.on(function, call -> answer(() -> call.put(0, 1.5f + call.i64(2) - call.i64(1))));
            assertThat(driver.elapsed(77, 80)).isEqualTo(4.5f);
            assertThat(names()).contains(function);
            called.add(function);
            fake.hide(function); // The second iteration tests an older driver.
        }
        memory(called);
        kernels(called);
        assertThat(called).isEqualTo(bound()).isEqualTo(fake.names());
    }

    private void memory(Set<String> called) {
        fake.on("cuDeviceGetDefaultMemPool", call -> answer(() -> call.put(0, 0x9000L + call.i32(1))));
        long[] threshold = new long[1];
        fake.on("cuMemPoolSetAttribute", call -> answer(() -> threshold[0] = call.at(2).get(ValueLayout.JAVA_LONG, 0)));
        driver.setReleaseThreshold(0, Long.MAX_VALUE);
        assertThat(threshold[0]).isEqualTo(Long.MAX_VALUE);
        assertThat(last("cuMemPoolSetAttribute").arguments().subList(0, 2)).isEqualTo(List.of(0x9028L, 4));
        fake.on("cuMemPoolGetAttribute", call -> answer(() -> call.put(2, call.i64(0) * 10 + call.i32(1))));
        assertThat(driver.reserved(0)).isEqualTo(0x9028L * 10 + 5);
        called.addAll(List.of("cuMemPoolSetAttribute", "cuMemPoolGetAttribute", "cuDeviceGetDefaultMemPool"));
        fake.calls();
        driver.trim(1);
        assertThat(last("cuMemPoolTrimTo").arguments()).isEqualTo(List.of(0x9029L, 0L));
        called.add("cuMemPoolTrimTo");
        fake.on("cuMemGetInfo_v2", call -> answer(() -> {
            call.put(0, 5_000_000_000L);
            call.put(1, 6_000_000_000L);
        }));
        assertThat(driver.freeMemory()).isEqualTo(5_000_000_000L);
        fake.on("cuMemAllocAsync", call -> answer(() -> call.put(0, ADDRESS + call.i64(1) + call.i64(2))));
        assertThat(driver.allocate(1L << 33, STREAM)).isEqualTo(ADDRESS + (1L << 33) + STREAM);
        called.addAll(names());
        driver.free(ADDRESS, STREAM);
        expect(called, "cuMemFreeAsync", ADDRESS, STREAM);
        mappings(called);

        try (Arena arena = Arena.ofConfined()) {
            MemorySegment host = arena.allocate(48);
            fake.on("cuMemHostAlloc", call -> answer(() -> call.put(0, host.address())));
            MemorySegment pinned = driver.allocatePinned(48);
            assertThat(pinned.address()).isEqualTo(host.address());
            assertThat(pinned.byteSize()).isEqualTo(48);
            assertThat(last("cuMemHostAlloc").arguments().subList(1, 3)).isEqualTo(List.of(48L, 0));
            called.add("cuMemHostAlloc");
            driver.freePinned(pinned);
            expect(called, "cuMemFreeHost", host.address());
            driver.copyToDevice(host, ADDRESS, STREAM);
            expect(called, "cuMemcpyHtoDAsync_v2", ADDRESS, host.address(), 48L, STREAM);
            driver.copyToHost(ADDRESS, host, STREAM);
            expect(called, "cuMemcpyDtoHAsync_v2", host.address(), ADDRESS, 48L, STREAM);
        }
        driver.copyOnDevice(ADDRESS, ADDRESS + 4096, 1L << 34, STREAM);
        expect(called, "cuMemcpyDtoDAsync_v2", ADDRESS + 4096, ADDRESS, 1L << 34, STREAM);
        driver.set(ADDRESS, (byte) 0x81, 1L << 35, STREAM);
        expect(called, "cuMemsetD8Async", ADDRESS, (byte) 0x81, 1L << 35, STREAM);
    }

    /** Structs are compared with the header's layout: CUmemAllocationProp and CUmemAccessDesc with a CUmemLocation each. */
    private void mappings(Set<String> called) {
        fake.on("cuMemGetAllocationGranularity", call -> answer(() -> {
            assertThat(allocationProperties(call.at(1))).containsExactly(1, 0, 1, 41, 0, 0, 0, 0);
            call.put(0, (2L << 20) + call.i32(2));
        }));
        assertThat(driver.granularity(1)).isEqualTo((2L << 20) + 1);
        fake.on("cuMemAddressReserve", call -> answer(() -> call.put(0, ADDRESS + call.i64(1) + call.i64(2) + call.i64(3) + call.i64(4))));
        assertThat(driver.reserveAddresses(1L << 38)).isEqualTo(ADDRESS + (1L << 38));
        fake.on("cuMemCreate", call -> answer(() -> {
            assertThat(allocationProperties(call.at(2))).containsExactly(1, 0, 1, 42, 0, 0, 0, 0);
            call.put(0, 0xe000L + call.i64(1) + call.i64(3));
        }));
        assertThat(driver.createMemory(2, 1L << 33)).isEqualTo(0xe000L + (1L << 33));
        called.addAll(names());
        driver.map(ADDRESS, 1L << 33, 0xe001L);
        expect(called, "cuMemMap", ADDRESS, 1L << 33, 0L, 0xe001L, 0L);
        fake.on("cuMemSetAccess", call -> answer(() ->
                assertThat(call.at(2).asSlice(0, 12).toArray(ValueLayout.JAVA_INT)).containsExactly(1, 43, 3)));
        driver.setAccess(ADDRESS, 1L << 34, 3);
        Call access = last("cuMemSetAccess");
        assertThat(access.arguments().subList(0, 2)).isEqualTo(List.of(ADDRESS, 1L << 34));
        assertThat(access.arguments().get(3)).isEqualTo(1L);
        called.add("cuMemSetAccess");
        fake.calls();
        driver.unmap(ADDRESS, 1L << 35);
        expect(called, "cuMemUnmap", ADDRESS, 1L << 35);
        driver.releaseMemory(0xe001L);
        expect(called, "cuMemRelease", 0xe001L);
        driver.freeAddresses(ADDRESS, 1L << 36);
        expect(called, "cuMemAddressFree", ADDRESS, 1L << 36);
    }

    private static int[] allocationProperties(MemorySegment struct) {
        return struct.asSlice(0, 32).toArray(ValueLayout.JAVA_INT);
    }

    private void kernels(Set<String> called) {
        String[] ptx = new String[1];
        fake.on("cuLibraryLoadData", call -> answer(() -> {
            call.put(0, 0xa000L);
            ptx[0] = call.text(1);
            assertThat(call.at(2).get(ValueLayout.JAVA_LONG, 0)).isEqualTo(6L << 32 | 5); // CU_JIT_ERROR_LOG_BUFFER, and its size.
            assertThat(call.at(3).getAtIndex(ValueLayout.JAVA_LONG, 1)).isEqualTo(8192);
            assertThat(call.values().subList(4, 8)).isEqualTo(List.of(2, 0L, 0L, 0));
        }));
        long library = driver.loadLibrary("norms", ".version 7.0");
        assertThat(library).isEqualTo(0xa000L);
        assertThat(ptx[0]).isEqualTo(".version 7.0");
        fake.on("cuLibraryGetKernel", call -> answer(() -> {
            assertThat(call.i64(1)).isEqualTo(library);
            assertThat(call.text(2)).isEqualTo("rms_norm");
            call.put(0, 0xb000L);
        }));
        fake.on("cuKernelGetFunction", call -> answer(() -> call.put(0, call.i64(1) + 1)));
        long kernel = driver.kernel(library, "rms_norm");
        assertThat(kernel).isEqualTo(0xb001L);
        fake.on("cuFuncGetParamInfo", call -> call.i64(1) > 1 ? 1 : answer(() -> {
            call.put(2, 8L * call.i64(1));
            call.put(3, 8L - 4 * call.i64(1));
        }));
        assertThat(driver.parameters(kernel)).containsExactly(new Parameter(0, 8), new Parameter(8, 4));
        called.addAll(names());
        driver.allowSharedMemory(kernel, 232_448);
        expect(called, "cuFuncSetAttribute", kernel, 8, 232_448);

        // Static shared memory of 1024 bytes counts against the limit, so the dynamic limit is lowered by it.
        fake.on("cuFuncSetAttribute", call -> call.i32(2) > 232_448 - 1024 ? 1 : 0);
        fake.on("cuFuncGetAttribute", call -> answer(() -> {
            assertThat(call.values().subList(1, 3)).isEqualTo(List.of(1, kernel));
            call.put(0, 1024);
        }));
        driver.allowSharedMemory(kernel, 232_448);
        assertThat(fake.calls().getLast()).isEqualTo(new Call("cuFuncSetAttribute", List.of(kernel, 8, 231_424)));
        called.add("cuFuncGetAttribute");

        List<Object> extra = new ArrayList<>();
        fake.on("cuLaunchKernel", call -> answer(() -> {
            MemorySegment list = call.at(10);
            MemorySegment values = pointer(list.getAtIndex(ValueLayout.JAVA_LONG, 1));
            extra.addAll(List.of(list.getAtIndex(ValueLayout.JAVA_LONG, 0), values.get(ValueLayout.JAVA_LONG, 0), values.get(ValueLayout.JAVA_INT, 8),
                    list.getAtIndex(ValueLayout.JAVA_LONG, 2), pointer(list.getAtIndex(ValueLayout.JAVA_LONG, 3)).get(ValueLayout.JAVA_LONG, 0),
                    list.getAtIndex(ValueLayout.JAVA_LONG, 4)));
        }));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment arguments = arena.allocate(12, 8);
            arguments.set(ValueLayout.JAVA_LONG, 0, ADDRESS);
            arguments.set(ValueLayout.JAVA_INT, 8, 5120);
            driver.launch(kernel, new Grid(11, 12, 13, 14, 15), 2048, STREAM, arguments);
        }
        assertThat(last("cuLaunchKernel").arguments().subList(0, 10)).isEqualTo(List.of(kernel, 11, 12, 13, 14, 15, 1, 2048, STREAM, 0L));
        assertThat(extra).isEqualTo(List.of(1L, ADDRESS, 5120, 2L, 12L, 0L));
        called.add("cuLaunchKernel");
        fake.calls();
        fake.on("cuLaunchKernel", _ -> 0);
        driver.launch(kernel, Grid.of(1, 1), 0, STREAM, MemorySegment.NULL);
        assertThat(last("cuLaunchKernel").arguments().getLast()).isEqualTo(0L);
        fake.calls();
        driver.unloadLibrary(library);
        expect(called, "cuLibraryUnload", library);
    }

    @Test
    void aFailureNamesTheCallTheStatusAndTheSizes() {
        name(2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory");
        fake.on("cuMemAllocAsync", _ -> 2);
        CudaException failure = catchThrowableOfType(CudaException.class, () -> driver.allocate(123_456, STREAM));
        assertThat(failure).hasMessage("[driver] cuMemAllocAsync of 123456 bytes: CUDA_ERROR_OUT_OF_MEMORY (2), out of memory");
        assertThat(failure.isOutOfMemory()).isTrue();
        name(1, "CUDA_ERROR_INVALID_VALUE", "invalid argument");
        fake.on("cuMemHostAlloc", _ -> 1);
        assertThatThrownBy(() -> driver.allocatePinned(99)).isInstanceOf(CudaException.class)
                .hasMessage("[driver] cuMemHostAlloc of 99 bytes: CUDA_ERROR_INVALID_VALUE (1), invalid argument");
        fake.on("cuGetErrorName", _ -> 1);
        fake.on("cuGetErrorString", _ -> 1);
        fake.on("cuStreamCreate", _ -> 12345);
        assertThatThrownBy(driver::createStream).hasMessage("[driver] cuStreamCreate: unknown status (12345)");
    }

    /** Every function that can fail does so once. */
    @Test
    void everyStatusIsChecked() {
        MemorySegment host = Arena.ofAuto().allocate(8);
        fake.on("cuLibraryLoadData", call -> answer(() -> call.put(0, 5L)));
        long library = driver.loadLibrary("norms", "");
        for (Runnable call : List.<Runnable>of(driver::deviceCount, () -> driver.deviceName(0), () -> driver.attribute(0, DeviceAttribute.L2_CACHE),
                () -> driver.totalMemory(0), () -> driver.retainPrimaryContext(0), () -> driver.releasePrimaryContext(0),
                () -> driver.makeCurrent(1), driver::createStream, () -> driver.destroyStream(1), () -> driver.synchronize(1), driver::createEvent,
                () -> driver.record(1, 2), () -> driver.awaitEvent(1, 2),
                () -> driver.synchronizeEvent(1), () -> driver.elapsed(1, 2), () -> driver.destroyEvent(1),
                () -> driver.setReleaseThreshold(0, 1), () -> driver.trim(0), () -> driver.reserved(0), driver::freeMemory,
                () -> driver.allocate(1, 1), () -> driver.free(1, 1), () -> driver.granularity(0), () -> driver.reserveAddresses(1),
                () -> driver.freeAddresses(1, 1), () -> driver.createMemory(0, 1), () -> driver.releaseMemory(1), () -> driver.map(1, 1, 1),
                () -> driver.setAccess(1, 1, 0), () -> driver.unmap(1, 1),
                () -> driver.allocatePinned(1), () -> driver.freePinned(host),
                () -> driver.copyToDevice(host, 1, 1),
                () -> driver.copyToHost(1, host, 1), () -> driver.copyOnDevice(1, 2, 1, 1), () -> driver.set(1, (byte) 0, 1, 1),
                () -> driver.loadLibrary("x", ""), () -> driver.unloadLibrary(library), () -> driver.kernel(library, "x"),
                () -> driver.parameters(1), () -> driver.allowSharedMemory(1, 1),
                () -> driver.launch(1, Grid.of(1, 1), 0, 1, MemorySegment.NULL))) {
            fake.names().stream().filter(function -> !function.startsWith("cuGetError")).forEach(function -> fake.on(function, _ -> 0));
            fake.on("cuFuncGetParamInfo", _ -> 1); // No more parameters.
            fake.calls();
            call.run();
            // The last function that the method calls fails. Each earlier one is the last of another method.
            String function = fake.calls().getLast().function();
            fake.on(function, _ -> 46);
            assertThatThrownBy(call::run).as(function).isInstanceOf(CudaException.class).hasMessageContaining(function.replaceFirst("_v2$", ""));
        }
    }

    @Test
    void anOlderDriverReportsNoParameters() {
        fake.hide("cuFuncGetParamInfo");
        assertThat(driver.parameters(1)).isNull();
    }

    @Test
    void theMessageContainsTheCompilersLog() {
        name(218, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed");
        fake.on("cuLibraryLoadData", call -> {
            pointer(call.at(3).get(ValueLayout.JAVA_LONG, 0)).setString(0, "ptxas fatal: line 7, unknown opcode 'fmma'\n");
            return 218;
        });
        assertThatThrownBy(() -> driver.loadLibrary("norms", "fmma")).hasMessage("[driver] cuLibraryLoadData of norms "
                + "(ptxas fatal: line 7, unknown opcode 'fmma'): CUDA_ERROR_INVALID_PTX (218), a PTX JIT compilation failed");
        name(222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "unsupported toolchain");
        fake.on("cuLibraryLoadData", _ -> 222);
        assertThatThrownBy(() -> driver.loadLibrary("norms", "")).hasMessageContaining("update the driver");
    }

    @Test
    void aKernelFaultIsReportedWithTheKernelsLaunchedSinceTheLastSynchronization() {
        name(700, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered");
        long first = kernel(1, "rms_norm");
        long second = kernel(2, "softmax");
        driver.launch(first, Grid.of(1, 32), 0, STREAM, MemorySegment.NULL);
        driver.synchronize(STREAM);
        driver.launch(second, Grid.of(1, 32), 0, STREAM, MemorySegment.NULL);
        fake.on("cuStreamSynchronize", _ -> 700);
        assertThatThrownBy(() -> driver.synchronize(STREAM)).hasMessage("[driver] cuStreamSynchronize: CUDA_ERROR_ILLEGAL_ADDRESS (700), "
                + "an illegal memory access was encountered; the kernel that failed is softmax");
        driver.launch(first, Grid.of(1, 32), 0, STREAM, MemorySegment.NULL);
        driver.launch(second, Grid.of(1, 32), 0, STREAM, MemorySegment.NULL);
        fake.on("cuMemAllocAsync", _ -> 700);
        assertThatThrownBy(() -> driver.allocate(8, STREAM)).hasMessageEndingWith(
                "; the kernel that failed is one of softmax, rms_norm (latest launch first); run with -Dkept.cuda.check=launch to find out which");
    }

    @Test
    void aKernelFaultListsOnlyTheLatestLaunches() {
        name(700, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered");
        long kernel = kernel(1, "rms_norm");
        for (int i = 0; i < 17; i++) {
            driver.launch(kernel, Grid.of(1, 32), 0, STREAM, MemorySegment.NULL);
        }
        fake.on("cuStreamSynchronize", _ -> 700);
        assertThatThrownBy(() -> driver.synchronize(STREAM)).hasMessageEndingWith("; the kernel that failed is one of rms_norm (latest launch first) "
                + "or an earlier one; run with -Dkept.cuda.check=launch to find out which");
    }

    @Test
    void aSynchronousLaunchNamesTheKernelThatFailed() {
        name(716, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address");
        System.setProperty(FfmDriver.CHECK_PROPERTY, "launch");
        driver = FfmDriver.open();
        long kernel = kernel(3, "swiglu");
        driver.launch(kernel, Grid.of(1, 32), 0, STREAM, MemorySegment.NULL);
        fake.on("cuStreamSynchronize", call -> call.i64(0) == STREAM ? 716 : 0);
        assertThatThrownBy(() -> driver.launch(kernel, new Grid(3, 2, 1, 128, 1), 64, STREAM, MemorySegment.NULL)).hasMessage(
                "[driver] the kernel swiglu (3 x 2 x 1 blocks of 128 x 1 threads, 64 bytes of shared memory) failed: "
                        + "CUDA_ERROR_MISALIGNED_ADDRESS (716), misaligned address");
        assertThatThrownBy(() -> driver.productQueued(STREAM, 5, 6, 7)).hasMessageContaining("of a matrix product of cuBLAS (m 5, n 6, k 7)");
    }

    @Test
    void aDriverThatFailsToInitializeReportsReasonAndRemedy() {
        name(100, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected");
        fake.on("cuInit", _ -> 100);
        assertThatThrownBy(FfmDriver::open).isInstanceOf(CudaException.class).hasMessage("[driver] cuInit: CUDA_ERROR_NO_DEVICE (100), "
                + "no CUDA-capable device is detected; is there a GPU, and does CUDA_VISIBLE_DEVICES name it?");
        name(803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "system has unsupported display driver / cuda driver combination");
        fake.on("cuInit", _ -> 803);
        assertThatThrownBy(FfmDriver::open).hasMessageContaining("(803)").hasMessageContaining("reboot");
        fake.on("cuInit", _ -> 999);
        assertThatThrownBy(FfmDriver::open).hasMessageContaining("(999)").hasMessageContaining("nvidia-modprobe");
    }

    private long kernel(long handle, String name) {
        fake.on("cuLibraryGetKernel", call -> answer(() -> call.put(0, handle)));
        fake.on("cuKernelGetFunction", call -> answer(() -> call.put(0, call.i64(1))));
        return driver.kernel(9, name);
    }

    private void name(int status, String name, String text) {
        MemorySegment nameText = TEXTS.allocateFrom(name);
        MemorySegment explanation = TEXTS.allocateFrom(text);
        fake.on("cuGetErrorName", call -> call.i32(0) != status ? 1 : answer(() -> call.put(1, nameText.address())));
        fake.on("cuGetErrorString", call -> call.i32(0) != status ? 1 : answer(() -> call.put(1, explanation.address())));
    }

    private static int answer(Runnable effect) {
        effect.run();
        return 0;
    }

    @SuppressWarnings("restricted")
    private static MemorySegment pointer(long address) {
        return MemorySegment.ofAddress(address).reinterpret(4096);
    }

    private Set<String> names() {
        return fake.calls().stream().map(Call::function).collect(Collectors.toSet());
    }

    private void expect(Set<String> called, String function, Object... arguments) {
        assertThat(last(function)).isEqualTo(new Call(function, List.of(arguments)));
        called.add(function);
    }

    private Call last(String function) {
        Call last = fake.calls().getLast();
        assertThat(last.function()).isEqualTo(function);
        return last;
    }

    /** Returns the names of all functions of the bindings. */
    private static Set<String> bound() {
        String ending = "$descriptor";
        return Arrays.stream(Cuda.class.getMethods()).map(method -> method.getName()).filter(name -> name.endsWith(ending))
                .map(name -> name.substring(0, name.length() - ending.length())).collect(Collectors.toSet());
    }
}
