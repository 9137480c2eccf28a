// Kernels with one bug each, which the last argument enables.
// faults.ptx is compiled from this file by nvcc -arch=compute_80 -ptx faults.cu, with .version lowered to 7.0.
#include <assert.h>
#include <stdint.h>

extern "C" __global__ void store_past_end(float* out, int n, int faulty) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (faulty ? i <= n : i < n) {
        out[i] = i;
    }
}

extern "C" __global__ void load_past_end(const float* in, float* out, int n, int faulty) {
    int i = threadIdx.x;
    if (i < n) {
        out[i] = in[i] + in[faulty || i + 1 < n ? i + 1 : i];
    }
}

extern "C" __global__ void misaligned(const float* in, float* out, int faulty) {
    float4 v = *reinterpret_cast<const float4*>(in + (faulty ? 1 : 4));
    out[threadIdx.x] = v.x + v.y + v.z + v.w;
}

extern "C" __global__ void missing_barrier(const float* in, float* out, int faulty) {
    __shared__ float tile[64];
    tile[threadIdx.x] = in[threadIdx.x];
    if (!faulty) {
        __syncthreads();
    }
    out[threadIdx.x] = tile[63 - threadIdx.x];
}

// The loop overwrites the tile while other threads may still read it.
extern "C" __global__ void missing_second_barrier(const float* in, float* out, int faulty) {
    __shared__ float tile[64];
    float sum = 0;
    for (int round = 0; round < 2; round++) {
        tile[threadIdx.x] = in[threadIdx.x] + round;
        __syncthreads();
        sum += tile[63 - threadIdx.x];
        if (!faulty) {
            __syncthreads();
        }
    }
    out[threadIdx.x] = sum;
}

// Each thread reads an element that another lane of the same warp then overwrites.
extern "C" __global__ void overwritten_too_early(const float* in, float* out, int faulty) {
    __shared__ float tile[32];
    tile[threadIdx.x] = in[threadIdx.x];
    __syncwarp();
    float other = tile[threadIdx.x ^ 1];
    if (!faulty) {
        __syncwarp();
    }
    tile[threadIdx.x] = 2 * other;
    out[threadIdx.x] = tile[threadIdx.x];
}

extern "C" __global__ void missing_warp_barrier(const float* in, float* out, int faulty) {
    __shared__ float tile[32];
    tile[threadIdx.x] = in[threadIdx.x];
    if (!faulty) {
        __syncwarp();
    }
    out[threadIdx.x] = tile[31 - threadIdx.x];
}

extern "C" __global__ void missing_wait(const float4* in, float4* out, int faulty) {
    __shared__ float4 tile[32];
    uint32_t to = static_cast<uint32_t>(__cvta_generic_to_shared(&tile[threadIdx.x]));
    asm volatile("cp.async.ca.shared.global [%0], [%1], 16;" ::"r"(to), "l"(in + threadIdx.x));
    asm volatile("cp.async.commit_group;");
    if (!faulty) {
        asm volatile("cp.async.wait_group 0;");
    }
    __syncthreads();
    out[threadIdx.x] = tile[31 - threadIdx.x];
}

// Waits for one group too few.
extern "C" __global__ void wait_too_weak(const float4* in, float4* out, int faulty) {
    __shared__ float4 tile[2][32];
    for (int stage = 0; stage < 2; stage++) {
        uint32_t to = static_cast<uint32_t>(__cvta_generic_to_shared(&tile[stage][threadIdx.x]));
        asm volatile("cp.async.ca.shared.global [%0], [%1], 16;" ::"r"(to), "l"(in + 32 * stage + threadIdx.x));
        asm volatile("cp.async.commit_group;");
    }
    if (faulty) {
        asm volatile("cp.async.wait_group 1;");
    } else {
        asm volatile("cp.async.wait_group 0;");
    }
    __syncthreads();
    out[threadIdx.x] = tile[1][31 - threadIdx.x];
}

// A wait makes only the copies of the waiting thread visible, not those of other threads.
extern "C" __global__ void wait_without_barrier(const float4* in, float4* out, int faulty) {
    __shared__ float4 tile[64];
    uint32_t to = static_cast<uint32_t>(__cvta_generic_to_shared(&tile[threadIdx.x]));
    asm volatile("cp.async.ca.shared.global [%0], [%1], 16;" ::"r"(to), "l"(in + threadIdx.x));
    asm volatile("cp.async.wait_all;");
    if (!faulty) {
        __syncthreads();
    }
    out[threadIdx.x] = tile[63 - threadIdx.x];
}

extern "C" __global__ void wrong_mask(float* out, int faulty) {
    float value = threadIdx.x;
    if (threadIdx.x < 16) {
        value += __shfl_xor_sync(faulty ? 0xffffffffu : 0xffffu, value, 8);
        out[threadIdx.x] = value;
    }
}

extern "C" __global__ void lane_outside_mask(float* out, int faulty) {
    float value = threadIdx.x;
    if (threadIdx.x < 16) {
        value += __shfl_xor_sync(0xffffu, value, faulty ? 16 : 8);
        out[threadIdx.x] = value;
    } else {
        out[threadIdx.x] = 0;
    }
}

extern "C" __global__ void unwritten_shared(float* out, int faulty) {
    __shared__ float tile[64];
    if (!faulty || threadIdx.x != 5) {
        tile[threadIdx.x] = threadIdx.x;
    }
    __syncthreads();
    out[threadIdx.x] = tile[63 - threadIdx.x];
}

extern "C" __global__ void unwritten_global(const float* in, float* out) {
    out[threadIdx.x] = in[threadIdx.x];
}

extern "C" __global__ void divergent_barrier(float* out, int faulty) {
    if (!faulty || threadIdx.x < 48) {
        __syncthreads();
    }
    out[threadIdx.x] = 1;
}

// Barriers in two branches are not the same barrier.
extern "C" __global__ void two_barriers(float* out, int faulty) {
    if (faulty && threadIdx.x & 1) {
        out[threadIdx.x] = 1;
        asm volatile("bar.sync 0;");
        out[threadIdx.x] = 2;
    } else {
        asm volatile("bar.sync 0;");
        out[threadIdx.x] = 3;
    }
}

// Barriers with different numbers: each half of the block waits for the other.
extern "C" __global__ void crossed_barriers(float* out, int faulty) {
    asm volatile("bar.sync %0;" ::"r"(faulty ? static_cast<int>(threadIdx.x) / 32 : 0));
    out[threadIdx.x] = 1;
}

extern "C" __global__ void two_writers(float* out, int faulty) {
    __shared__ float tile[64];
    tile[faulty ? threadIdx.x / 2 : threadIdx.x] = threadIdx.x;
    __syncthreads();
    out[threadIdx.x] = tile[threadIdx.x / 2];
}

extern "C" __global__ void past_dynamic_shared(float* out, int faulty) {
    extern __shared__ float dynamic[];
    dynamic[threadIdx.x + (faulty ? 1 : 0)] = 1;
    out[threadIdx.x] = dynamic[threadIdx.x + (faulty ? 1 : 0)];
}

extern "C" __global__ void two_blocks(float* out, int faulty) {
    out[(faulty ? 0 : blockIdx.x * blockDim.x) + threadIdx.x] = blockIdx.x;
}

extern "C" __global__ void reads_other_block(float* data, int faulty) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    data[i] = data[faulty && blockIdx.x > 0 ? i - blockDim.x : i] + 1;
}

extern "C" __global__ void endless(volatile int* flag, int faulty) {
    while (faulty && *flag == 0) {
    }
}

extern "C" __global__ void assertion(float* out, int faulty) {
    assert(!faulty || threadIdx.x != 3);
    out[threadIdx.x] = 1;
}

// Through device memory: each thread reads an element that a thread of another warp writes.
extern "C" __global__ void missing_global_barrier(const float* in, float* out, float* back, int faulty) {
    out[threadIdx.x] = in[threadIdx.x];
    if (!faulty) {
        __syncthreads();
    }
    back[threadIdx.x] = out[63 - threadIdx.x];
}

// In place: each thread reads an element that another then overwrites.
extern "C" __global__ void overwritten_in_place(float* data, int faulty) {
    float value = data[threadIdx.x ^ 1];
    if (!faulty) {
        __syncwarp();
    }
    data[threadIdx.x] = value;
}

// The order of the additions depends on the order of the blocks.
extern "C" __global__ void order_of_blocks(const float* in, float* sum, int faulty) {
    if (faulty) {
        atomicAdd(sum, in[blockIdx.x]);
    } else if (blockIdx.x == 0) {
        for (int i = 0; i < gridDim.x; i++) {
            *sum += in[i];
        }
    }
}

extern "C" __global__ void order_of_warps(int* out, int* tickets, int faulty) {
    if (threadIdx.x % 32 == 0) {
        int warp = threadIdx.x / 32;
        int ticket = atomicAdd(tickets, 1);
        out[warp] = faulty ? ticket : warp;
    }
}

extern "C" __global__ void changes_an_operand(float* in, float* out, int faulty) {
    out[threadIdx.x] = in[threadIdx.x];
    if (faulty && threadIdx.x == 5) {
        in[threadIdx.x] = 0;
    }
}

// Assembly that the compiler leaves as it is, and the assembler may fuse.
extern "C" __global__ void product_and_sum(const float* in, float* out) {
    float product, sum;
    asm("mul.f32 %0, %1, %2;" : "=f"(product) : "f"(in[threadIdx.x]), "f"(in[threadIdx.x + 32]));
    asm("add.f32 %0, %1, %2;" : "=f"(sum) : "f"(product), "f"(in[threadIdx.x + 64]));
    out[threadIdx.x] = sum;
}

extern "C" __global__ void rounded_product_and_sum(const float* in, float* out) {
    out[threadIdx.x] = __fadd_rn(__fmul_rn(in[threadIdx.x], in[threadIdx.x + 32]), in[threadIdx.x + 64]);
}

// All sums live at once, in more registers than a block of 1024 threads has.
template <int N> __device__ void live_sums(const float* in, float* out, int turns) {
    float sums[N] = {};
    for (int turn = 0; turn < turns; turn++) {
#pragma unroll
        for (int i = 0; i < N; i++) {
            sums[i] = fmaf(in[turn], in[turn + i], sums[i]);
        }
    }
#pragma unroll
    for (int i = 0; i < N; i++) {
        out[i * blockDim.x + threadIdx.x] = sums[i];
    }
}

extern "C" __global__ void many_registers(const float* in, float* out, int turns) { live_sums<80>(in, out, turns); }

extern "C" __global__ void __launch_bounds__(512) many_registers_bounded(const float* in, float* out, int turns) { live_sums<80>(in, out, turns); }

extern "C" __global__ void __maxnreg__(96) registers_for_672_threads(float* out) { out[threadIdx.x] = threadIdx.x; }

// A loop over the grid that ends after its first turn.
extern "C" __global__ void second_turn(const float* in, float* out, int n, int faulty) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        out[i] = 2 * in[i];
        if (faulty) {
            break;
        }
    }
}

// The number of an element in 32 bits: negative from 2^31 on.
extern "C" __global__ void narrow_index(const uint8_t* in, uint8_t* out, long long n, int faulty) {
    const long long i = blockIdx.x * static_cast<long long>(blockDim.x) + threadIdx.x;
    if (i < n) {
        const long long at = faulty ? static_cast<int>(i) : i;
        out[at] = in[at] + 1;
    }
}

// The first element of a row in 32 bits: that of another row from 2^32 on.
extern "C" __global__ void narrow_row(const uint16_t* in, uint16_t* out, int width, int faulty) {
    const long long first = faulty ? static_cast<unsigned>(blockIdx.x * width) : blockIdx.x * static_cast<long long>(width);
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        out[blockIdx.x * static_cast<long long>(width) + i] = in[first + i] ^ 1;
    }
}
