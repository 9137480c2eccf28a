package kept.cuda.virtual;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.function.Consumer;
import java.util.stream.IntStream;
import kept.cuda.driver.CudaException;
import kept.cuda.driver.Grid;
import org.junit.jupiter.api.Test;

/** Each kernel has one bug that its last argument enables: with the bug a fault is reported, without it the kernel passes. */
class PlantedFaultsTest {
    private static float[] ramp(int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = i + 1;
        }
        return values;
    }

    /** Runs a kernel without and with its bug, each on a new device. */
    private static void caught(Consumer<Integer> run, String... words) {
        assertThatCode(() -> run.accept(0)).doesNotThrowAnyException();
        assertThatThrownBy(() -> run.accept(1)).isInstanceOf(KernelFault.class).message().contains(words);
    }

    @Test
    void aStorePastTheEnd() {
        caught(faulty -> {
            var device = new Device();
            long out = device.empty(4 * 100);
            device.launch(device.kernel("faults", "store_past_end"), Grid.of(2, 64), 0, out, 100, faulty);
            assertThat(device.floats(out, 100)).endsWith(98, 99);
        }, "kernel store_past_end, faults.ptx:", "st.global.f32", "block (1,0,0), thread (36,0,0)",
                "writes 4 bytes at 0x", "0 bytes past the end of allocation 1 of 400 bytes");
    }

    @Test
    void aLoadPastTheEnd() {
        caught(faulty -> {
            var device = new Device();
            device.launch(device.kernel("faults", "load_past_end"), Grid.of(1, 32), 0, device.upload(ramp(20)), device.empty(80), 20, faulty);
        }, "load_past_end", "thread (19,0,0)", "reads 4 bytes at 0x", "0 bytes past the end of allocation");
    }

    @Test
    void aNullPointer() {
        var device = new Device();
        assertThatThrownBy(() -> device.launch(device.kernel("faults", "unwritten_global"), Grid.of(1, 1), 0, 0L, device.empty(4)))
                .isInstanceOf(KernelFault.class).message().contains("reads 4 bytes at 0x0, in no allocation");
    }

    @Test
    void useAfterFree() {
        var device = new Device();
        long in = device.upload(ramp(32));
        long out = device.empty(128);
        long kernel = device.kernel("faults", "unwritten_global");
        device.launch(kernel, Grid.of(1, 32), 0, in, out);
        device.driver.free(in, device.stream);
        assertThatThrownBy(() -> device.launch(kernel, Grid.of(1, 32), 0, in, out))
                .isInstanceOf(KernelFault.class).message().contains("unwritten_global", "byte 0 of allocation 1 of 128 bytes", "which was freed");
    }

    @Test
    void aMisalignedAddress() {
        caught(faulty -> {
            var device = new Device();
            device.launch(device.kernel("faults", "misaligned"), Grid.of(1, 32), 0, device.upload(ramp(16)), device.empty(128), faulty);
        }, "ld.global", "reads 16 bytes at 0x", "which is no multiple of 16 (byte 4 of allocation");
    }

    @Test
    void aMissingBarrier() {
        caught(faulty -> {
            var device = new Device();
            long out = device.empty(256);
            device.launch(device.kernel("faults", "missing_barrier"), Grid.of(1, 64), 0, device.upload(ramp(64)), out, faulty);
            assertThat(device.floats(out, 64)).startsWith(64, 63);
        }, "missing_barrier", "ld.shared.f32", "shared memory at offset");
        caught(faulty -> {
            var device = new Device();
            device.launch(device.kernel("faults", "missing_second_barrier"), Grid.of(1, 64), 0, device.upload(ramp(64)), device.empty(256), faulty);
        }, "missing_second_barrier", "thread (32,0,0)", "that thread (31,0,0) has written, with no barrier between: a race");
    }

    @Test
    void lanesOfAWarpWithoutABarrier() {
        caught(faulty -> {
            var device = new Device();
            device.launch(device.kernel("faults", "missing_warp_barrier"), Grid.of(1, 32), 0, device.upload(ramp(32)), device.empty(128), faulty);
        }, "reads shared memory at offset 124 that thread (31,0,0) has written, with no barrier between: a race");
    }

    @Test
    void aWriteAfterReadRace() {
        caught(faulty -> {
            var device = new Device();
            long out = device.empty(128);
            device.launch(device.kernel("faults", "overwritten_too_early"), Grid.of(1, 32), 0, device.upload(ramp(32)), out, faulty);
            assertThat(device.floats(out, 32)).startsWith(4, 2, 8, 6);
        }, "writes shared memory at offset 0 that thread (1,0,0) has read, with no barrier between: a race");
    }

    @Test
    void aMissingWait() {
        caught(faulty -> {
            var device = new Device();
            long out = device.empty(512);
            device.launch(device.kernel("faults", "missing_wait"), Grid.of(1, 32), 0, device.upload(ramp(128)), out, faulty);
            assertThat(device.floats(out, 128)).startsWith(125, 126, 127, 128, 121);
        }, "missing_wait", "uses shared memory at offset 496 that a cp.async of thread (31,0,0) is still to fill", "no cp.async.wait_group came");
        caught(faulty -> {
            var device = new Device();
            device.launch(device.kernel("faults", "wait_too_weak"), Grid.of(1, 32), 0, device.upload(ramp(256)), device.empty(512), faulty);
        }, "wait_too_weak", "that a cp.async of thread (31,0,0) is still to fill");
        caught(faulty -> {
            var device = new Device();
            device.launch(device.kernel("faults", "wait_without_barrier"), Grid.of(1, 64), 0, device.upload(ramp(256)), device.empty(1024), faulty);
        }, "wait_without_barrier", "shared memory at offset 1,008");
    }

    @Test
    void aWrongShuffleMask() {
        caught(faulty -> {
            var device = new Device();
            long out = device.empty(64);
            device.launch(device.kernel("faults", "wrong_mask"), Grid.of(1, 32), 0, out, faulty);
            assertThat(device.floats(out, 16)).startsWith(8, 10);
        }, "wrong_mask", "shfl.sync.bfly.b32", "0xffffffff in its mask, of which 0xffff0000 do not exist or have exited");
        caught(faulty -> {
            var device = new Device();
            device.launch(device.kernel("faults", "lane_outside_mask"), Grid.of(1, 32), 0, device.empty(128), faulty);
        }, "lane_outside_mask", "takes a value from lane 16, which is not in the mask 0x0000ffff");
    }

    @Test
    void uninitializedMemory() {
        caught(faulty -> {
            var device = new Device();
            device.launch(device.kernel("faults", "unwritten_shared"), Grid.of(1, 64), 0, device.empty(256), faulty);
        }, "unwritten_shared", "thread (58,0,0)", "reads uninitialized shared memory at offset 20");
        caught(faulty -> {
            var device = new Device();
            long in = faulty == 0 ? device.upload(ramp(32)) : device.empty(128);
            device.launch(device.kernel("faults", "unwritten_global"), Grid.of(1, 32), 0, in, device.empty(128));
        }, "unwritten_global", "reads 4 bytes at 0x", "of which byte 0 of allocation 1 of 128 bytes", "was never written");
    }

    @Test
    void aPartlyWrittenOutput() {
        var device = new Device();
        long out = device.empty(4 * 100);
        device.launch(device.kernel("faults", "store_past_end"), Grid.of(2, 48), 0, out, 100, 0);
        assertThatThrownBy(() -> device.floats(out, 100)).isInstanceOf(KernelFault.class).message().contains("byte 384 of allocation 1 of 400 bytes");
        assertThat(device.floats(out, 96)).endsWith(95);
    }

    @Test
    void aDivergentBarrier() {
        caught(faulty -> {
            var device = new Device();
            device.launch(device.kernel("faults", "divergent_barrier"), Grid.of(1, 64), 0, device.empty(256), faulty);
        }, "divergent_barrier", "ends while other threads of its warp wait for it at a barrier");
        caught(faulty -> {
            var device = new Device();
            device.launch(device.kernel("faults", "two_barriers"), Grid.of(1, 64), 0, device.empty(256), faulty);
        }, "two_barriers", "lanes wait for each other in a deadlock", "0x55555555", "0xaaaaaaaa");
        caught(faulty -> {
            var device = new Device();
            device.launch(device.kernel("faults", "crossed_barriers"), Grid.of(1, 64), 0, device.empty(256), faulty);
        }, "crossed_barriers", "wait at barriers that others never reach", "warp 0 at barrier 0", "warp 1 at barrier 1");
    }

    @Test
    void aWriteWriteRaceInSharedMemory() {
        caught(faulty -> {
            var device = new Device();
            device.launch(device.kernel("faults", "two_writers"), Grid.of(1, 64), 0, device.empty(256), faulty);
        }, "two_writers", "thread (1,0,0)", "writes shared memory at offset 0 that thread (0,0,0) has written, with no barrier between: a race");
    }

    @Test
    void sharedMemoryPastItsEnd() {
        caught(faulty -> {
            var device = new Device();
            device.launch(device.kernel("faults", "past_dynamic_shared"), Grid.of(1, 64), 256, device.empty(256), faulty);
        }, "past_dynamic_shared", "thread (63,0,0)", "writes 4 bytes of shared memory at offset 256; the block has 256");
    }

    @Test
    void racesBetweenBlocksInWatchedLaunches() {
        caught(faulty -> {
            var device = new Device(VirtualGpu.open().watchingBlocks());
            device.launch(device.kernel("faults", "two_blocks"), Grid.of(2, 32), 0, device.empty(256), faulty);
        }, "two_blocks", "block (1,0,0)", "which block number 0 wrote in the same launch: a race");
        caught(faulty -> {
            var device = new Device(VirtualGpu.open().watchingBlocks());
            device.launch(device.kernel("faults", "reads_other_block"), Grid.of(2, 32), 0, device.upload(ramp(64)), faulty);
        }, "reads_other_block", "block (1,0,0)", "which block number 0 wrote in the same launch: a race");
    }

    @Test
    void racesInDeviceMemoryWithinABlockInWatchedLaunches() {
        caught(faulty -> {
            var device = new Device(VirtualGpu.open().watchingBlocks());
            long back = device.empty(256);
            device.launch(device.kernel("faults", "missing_global_barrier"), Grid.of(1, 64), 0, device.upload(ramp(64)),
                    device.upload(new float[64]), back, faulty);
            assertThat(device.floats(back, 64)).startsWith(64, 63);
        }, "missing_global_barrier", "thread (32,0,0)", "byte 128 of allocation", "that thread (31,0,0) has read, with no barrier between: a race");
        caught(faulty -> {
            var device = new Device(VirtualGpu.open().watchingBlocks());
            long data = device.upload(ramp(32));
            device.launch(device.kernel("faults", "overwritten_in_place"), Grid.of(1, 32), 0, data, faulty);
            assertThat(device.floats(data, 32)).startsWith(2, 1, 4, 3);
        }, "overwritten_in_place", "st.global.f32", "that thread (1,0,0) has read, with no barrier between: a race");
    }

    @Test
    void resultsThatDependOnTheOrderOfBlocksOrWarps() {
        caught(faulty -> {
            var device = new Device(VirtualGpu.open().reordering(1));
            long sum = device.upload(0f);
            device.launch(device.kernel("faults", "order_of_blocks"), Grid.of(3, 1), 0, device.upload(1e8f, -1e8f, 1f), sum, faulty);
            assertThat(device.floats(sum, 1)).containsExactly(1);
        }, "kernel order_of_blocks, faults.ptx: byte", "of allocation 1 of 4 bytes at 0x", "differs when blocks and warps run in reversed order");
        caught(faulty -> {
            var device = new Device(VirtualGpu.open().reordering(1));
            long out = device.empty(32);
            device.launch(device.kernel("faults", "order_of_warps"), Grid.of(1, 256), 0, out, device.upload(0), faulty);
            assertThat(device.ints(out, 8)).containsExactly(0, 1, 2, 3, 4, 5, 6, 7);
        }, "kernel order_of_warps, faults.ptx: byte", "of allocation 1 of 32 bytes at 0x", "differs when blocks and warps run in reversed order");
    }

    @Test
    void aKernelThatChangesAnOperand() {
        caught(faulty -> {
            var device = new Device();
            long in = device.upload(ramp(32));
            long out = device.empty(128);
            var check = device.gpu.check("changes_an_operand");
            check.operand("operand 0", in);
            check.operand("operand 1", out);
            check.result(out, 0, 4, new long[] {32}, new long[] {1});
            check.begin();
            device.launch(device.kernel("faults", "changes_an_operand"), Grid.of(1, 32), 0, in, out, faulty);
            check.end();
        }, "changes_an_operand changes byte 22 of allocation 1 of 128 bytes", "the memory of operand 0, which is no element of a result");
    }

    @Test
    void aProductAndASumThatTheAssemblerMayFuse() {
        caught(faulty -> {
            var device = new Device();
            long out = device.empty(128);
            device.launch(device.kernel("faults", faulty == 0 ? "rounded_product_and_sum" : "product_and_sum"), Grid.of(1, 32), 0,
                    device.upload(ramp(96)), out);
            assertThat(device.floats(out, 5)).containsExactly(98, 134, 172, 212, 254);
        }, "kernel product_and_sum, faults.ptx:", "`add.f32", "adds the product of line", "`mul.f32", "neither has a rounding mode");
    }

    @Test
    void aBlockWithMoreThreadsThanItsRegistersAllow() {
        var device = new Device();
        long kernel = device.kernel("faults", "registers_for_672_threads");
        device.launch(kernel, Grid.of(1, 672), 0, device.empty(4 * 672));
        assertThatThrownBy(() -> device.launch(kernel, Grid.of(1, 704), 0, device.empty(4 * 704))).isInstanceOf(CudaException.class)
                .message().contains("CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES (701)",
                        "704 threads a block of 96 registers each needs 67584; a block has 65536");
        assertThatThrownBy(() -> device.launch(device.kernel("faults", "many_registers_bounded"), Grid.of(1, 544), 0, 0L, 0L, 1))
                .isInstanceOf(CudaException.class).message().contains("many_registers_bounded with 544 threads a block; 512 are the most");
    }

    @Test
    void anEndlessLoop() {
        caught(faulty -> {
            var device = new Device(VirtualGpu.open().atMostInstructions(5_000_000));
            device.launch(device.kernel("faults", "endless"), Grid.of(1, 32), 0, device.upload(0), faulty);
        }, "endless", "is it an endless loop?");
    }

    @Test
    void anAssertion() {
        caught(faulty -> {
            var device = new Device();
            device.launch(device.kernel("faults", "assertion"), Grid.of(1, 32), 0, device.empty(128), faulty);
        }, "kernel assertion", "thread (3,0,0): fails an assertion");
    }

    @Test
    void theFaultOfTheFirstBlockIsReportedForAnyNumberOfThreads() {
        var messages = IntStream.rangeClosed(1, 4).mapToObj(threads -> {
            var device = new Device(VirtualGpu.open().threads(threads));
            long out = device.empty(4 * 100);
            try {
                device.launch(device.kernel("faults", "store_past_end"), Grid.of(16, 64), 0, out, 500, 0);
                return "none";
            } catch (KernelFault e) {
                return e.getMessage();
            }
        }).distinct().toList();
        assertThat(messages).hasSize(1).first().asString().contains("block (1,0,0), thread (36,0,0)");
    }

    @Test
    void aFaultIsReportedByALaterCallIfConfigured() {
        var device = new Device(VirtualGpu.open().faultingLater());
        long out = device.empty(4 * 100);
        device.launch(device.kernel("faults", "store_past_end"), Grid.of(2, 64), 0, out, 100, 1);
        for (int i = 0; i < 2; i++) {
            assertThatThrownBy(() -> device.driver.synchronize(device.stream)).isInstanceOf(CudaException.class)
                    .message().contains("cuStreamSynchronize", "CUDA_ERROR_LAUNCH_FAILED (719)", "kernel store_past_end", "past the end");
        }
    }
}
