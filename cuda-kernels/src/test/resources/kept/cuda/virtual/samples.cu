// Kernels for the tests of the virtual GPU. samples.ptx is compiled from this file by nvcc -arch=compute_80 -ptx -fmad=false samples.cu, with .version lowered to 7.0.
#include <cuda_bf16.h>
#include <stdint.h>

// Softmax with one block per row: shuffles, shared memory, barriers.
extern "C" __global__ void softmax_rows(const __nv_bfloat16* in, float* out, int width) {
    __shared__ float partial[32];
    const __nv_bfloat16* row = in + static_cast<long long>(blockIdx.x) * width;
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
    float top = -INFINITY;
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        top = fmaxf(top, __bfloat162float(row[i]));
    }
    for (int step = 16; step > 0; step >>= 1) {
        top = fmaxf(top, __shfl_xor_sync(~0u, top, step));
    }
    if (lane == 0) {
        partial[warp] = top;
    }
    __syncthreads();
    for (int i = 0; i < warps; i++) {
        top = fmaxf(top, partial[i]);
    }
    __syncthreads();
    float sum = 0;
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        sum += expf(__bfloat162float(row[i]) - top);
    }
    for (int step = 16; step > 0; step >>= 1) {
        sum += __shfl_down_sync(~0u, sum, step);
    }
    if (lane == 0) {
        partial[warp] = sum;
    }
    __syncthreads();
    sum = 0;
    for (int i = 0; i < warps; i++) {
        sum += partial[i];
    }
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        out[static_cast<long long>(blockIdx.x) * width + i] = expf(__bfloat162float(row[i]) - top) / sum;
    }
}

__device__ void copy16(void* to, const void* from) {
    uint32_t shared = static_cast<uint32_t>(__cvta_generic_to_shared(to));
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared), "l"(from));
}

// c[64 x 64] = a[64 x depth] b[depth x 64], all row-major: cp.async in two stages, ldmatrix, mma. 128 threads, 16 rows per warp.
extern "C" __global__ void product_64x64(const __nv_bfloat16* a, const __nv_bfloat16* b, float* c, int depth) {
    __shared__ __align__(16) __nv_bfloat16 left[2][64][40];
    __shared__ __align__(16) __nv_bfloat16 right[2][32][72];
    int thread = threadIdx.x, lane = thread & 31, warp = thread >> 5;
    float sums[8][4] = {};
    auto fetch = [&](int stage, int k) {
        for (int i = thread; i < 64 * 4; i += 128) {
            copy16(&left[stage][i / 4][i % 4 * 8], a + (i / 4) * depth + k + i % 4 * 8);
        }
        for (int i = thread; i < 32 * 8; i += 128) {
            copy16(&right[stage][i / 8][i % 8 * 8], b + (k + i / 8) * 64 + i % 8 * 8);
        }
        asm volatile("cp.async.commit_group;");
    };
    fetch(0, 0);
    for (int k = 0; k < depth; k += 32) {
        int stage = k / 32 & 1;
        if (k + 32 < depth) {
            fetch(stage ^ 1, k + 32);
            asm volatile("cp.async.wait_group 1;");
        } else {
            asm volatile("cp.async.wait_group 0;");
        }
        __syncthreads();
        for (int inner = 0; inner < 32; inner += 16) {
            uint32_t x[4], y[2];
            uint32_t at = static_cast<uint32_t>(__cvta_generic_to_shared(&left[stage][warp * 16 + lane % 16][inner + lane / 16 * 8]));
            asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                         : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3]) : "r"(at));
#pragma unroll
            for (int column = 0; column < 8; column++) {
                at = static_cast<uint32_t>(__cvta_generic_to_shared(&right[stage][inner + lane % 16][column * 8]));
                asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];" : "=r"(y[0]), "=r"(y[1]) : "r"(at));
                float* s = sums[column];
                asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                             : "+f"(s[0]), "+f"(s[1]), "+f"(s[2]), "+f"(s[3])
                             : "r"(x[0]), "r"(x[1]), "r"(x[2]), "r"(x[3]), "r"(y[0]), "r"(y[1]));
            }
        }
        __syncthreads();
    }
#pragma unroll
    for (int column = 0; column < 8; column++) {
        int row = warp * 16 + lane / 4;
        float* to = c + row * 64 + column * 8 + lane % 4 * 2;
        *reinterpret_cast<float2*>(to) = make_float2(sums[column][0], sums[column][1]);
        *reinterpret_cast<float2*>(to + 8 * 64) = make_float2(sums[column][2], sums[column][3]);
    }
}

// Functions with pointers to local variables, a struct by value, a constant table, a switch, an indexed local array.
struct Terms {
    int count;
    float scale;
    const float* values;
    long long weights[3];
};
__constant__ float table[4] = {1.f, 2.f, 3.f, 4.5f};

__device__ __noinline__ float wave(float angle, float* calls, int n) {
    *calls += 1;
    return sinf(angle) * n;
}

extern "C" __global__ void functions(Terms terms, float* out, int n) {
    float calls = 0;
    float history[6];
    for (int i = 0; i < 6; i++) {
        history[i] = wave(terms.values[(threadIdx.x + i) % terms.count], &calls, i + 1);
    }
    float value = history[n % 6] * terms.scale + table[threadIdx.x & 3] + terms.weights[n % 3] + calls;
    switch (threadIdx.x % 7) {
        case 0: value += 1; break;
        case 1: value *= 2; break;
        case 2: value -= 3; break;
        case 3: value = -value; break;
        case 4: value = value * value; break;
        case 5: value = 0.5f * value; break;
        default: break;
    }
    out[threadIdx.x] = value;
}

// Divergent loops, an early return, and reconvergence.
extern "C" __global__ void collatz(const unsigned* in, unsigned* out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) {
        return;
    }
    unsigned steps = 0;
    for (unsigned long long x = in[i]; x != 1; steps++) {
        if (x & 1) {
            x = 3 * x + 1;
        } else {
            x >>= 1;
        }
    }
    out[i] = steps;
}

__device__ unsigned finished;

// Histogram in shared memory, then in device memory by atomics; the last block sums the counts.
extern "C" __global__ void histogram(const unsigned char* in, unsigned* counts, unsigned* total, int n) {
    __shared__ unsigned local[256];
    __shared__ bool last;
    local[threadIdx.x] = 0;
    __syncthreads();
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        atomicAdd(&local[in[i]], 1u);
    }
    __syncthreads();
    atomicAdd(&counts[threadIdx.x], local[threadIdx.x]);
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) {
        last = atomicAdd(&finished, 1u) == gridDim.x - 1;
    }
    __syncthreads();
    if (last && threadIdx.x == 0) {
        unsigned sum = 0;
        for (int i = 0; i < 256; i++) {
            sum += counts[i];
        }
        *total = sum;
        finished = 0;
    }
}
