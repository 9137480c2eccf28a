// What kernels on tensor cores share: bf16 tiles in shared memory, their asynchronous loads, fragments and products.
//
// A product multiplies a 16 x 16 fragment of a by a 16 x 8 fragment of b (mma.m16n8k16). With g = lane / 4 and t = lane % 4 a lane holds
//   of a   rows g and g + 8,  columns 2t, 2t + 1, 2t + 8, 2t + 9
//   of b   column g,          rows 2t, 2t + 1, 2t + 8, 2t + 9
//   of c   rows g and g + 8,  columns 2t and 2t + 1
// so the result of one product, rounded and packed, is the a of the next without leaving its lane.
#pragma once
#include "common.cuh"

// How rows of D bf16 lie in shared memory: in chunks of 16 bytes, such that the 8 rows of a fragment's quarter are read from 8 different groups of
// banks. Rows of a multiple of 128 bytes have their chunks permuted by the row's number; others are padded to an odd number of chunks.
template <int D> struct Tile {
    static constexpr int CHUNKS = D / 8;
    static constexpr bool PERMUTED = CHUNKS % 8 == 0;
    static constexpr int PITCH = (PERMUTED ? CHUNKS : CHUNKS | 1) * 16;

    static __device__ __forceinline__ unsigned offset(int row, int chunk) {
        return row * PITCH + (PERMUTED ? chunk ^ (row & 7) : chunk) * 16;
    }

    // From an address to the one some even number of chunks further on in the row. Tiles begin at multiples of 256 bytes.
    static __device__ __forceinline__ unsigned advance(unsigned address, int chunks) {
        return PERMUTED ? address ^ chunks * 16 : address + chunks * 16;
    }
};

__device__ __forceinline__ unsigned shared_address(const void* p) { return static_cast<unsigned>(__cvta_generic_to_shared(p)); }

// Copies 16 bytes (4 in the next) from global to shared memory in the background; bytes beyond `valid` become zeros, and are not read.
__device__ __forceinline__ void copy_16(unsigned to, const void* from, int valid) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(__cvta_generic_to_global(from)), "r"(valid) : "memory");
}
__device__ __forceinline__ void copy_4(unsigned to, const void* from, int valid) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(__cvta_generic_to_global(from)), "r"(valid) : "memory");
}
__device__ __forceinline__ void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Waits for this thread's own copies; the block's are there after the barrier that must follow.
__device__ __forceinline__ void wait_for_copies() { asm volatile("cp.async.wait_group 0;" ::: "memory"); }

// Keeps the compiler from computing what follows from a value before the loop, for want of registers to keep it in.
__device__ __forceinline__ void here(unsigned& value) { asm volatile("" : "+r"(value)); }

// Begins to fill a tile with ROWS rows of a matrix, those from `count` on with zeros.
template <int D, int ROWS, int THREADS>
__device__ __forceinline__ void copy_tile(unsigned tile, const __nv_bfloat16* from, long long stride, int count) {
    constexpr int CHUNKS = Tile<D>::CHUNKS, PASS = THREADS / CHUNKS;
    if constexpr (THREADS % CHUNKS == 0 && PASS % 8 == 0 && ROWS % PASS == 0) {
        // A thread's chunks lie in one column, PASS rows apart.
        unsigned thread = threadIdx.x;
        here(thread);
        int row = thread / CHUNKS;
        const int chunk = thread % CHUNKS;
        const __nv_bfloat16* p = from + row * stride + chunk * 8;
        tile += Tile<D>::offset(row, chunk);
#pragma unroll
        for (int i = 0; i < ROWS / PASS; i++) {
            copy_16(tile + i * PASS * Tile<D>::PITCH, row < count ? p : from, row < count ? 16 : 0);
            row += PASS;
            p += PASS * stride;
        }
    } else {
#pragma unroll
        for (unsigned i = threadIdx.x; i < ROWS * CHUNKS; i += THREADS) {
            const int row = i / CHUNKS, chunk = i % CHUNKS;
            copy_16(tile + Tile<D>::offset(row, chunk), row < count ? from + row * stride + chunk * 8 : from, row < count ? 16 : 0);
        }
    }
}

// Where a lane points for a 16 x 16 fragment, at rows and chunks from the tile's beginning.
// a, and b whose rows are the tile's rows (transposed by the load):
template <int D> __device__ __forceinline__ unsigned along_rows(unsigned tile, int row) {
    const int lane = threadIdx.x & 31;
    return tile + Tile<D>::offset(row + (lane & 15), lane >> 4);
}
// b whose columns are the tile's rows:
template <int D> __device__ __forceinline__ unsigned across_rows(unsigned tile, int row) {
    const int lane = threadIdx.x & 31;
    return tile + Tile<D>::offset(row + (lane & 7) + (lane >> 4) * 8, (lane >> 3) & 1);
}

__device__ __forceinline__ void load_fragment(unsigned (&x)[4], unsigned address) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
        : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3]) : "r"(address) : "memory");
}
__device__ __forceinline__ void load_transposed(unsigned (&x)[4], unsigned address) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
        : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3]) : "r"(address) : "memory");
}

// c += a b
__device__ __forceinline__ void multiply(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ __forceinline__ unsigned pack(float low, float high) {
    const __nv_bfloat162 two = __floats2bfloat162_rn(low, high);
    return reinterpret_cast<const unsigned&>(two);
}

// Two neighbouring 16 x 8 results as the a of a product.
__device__ __forceinline__ void pack_fragment(unsigned (&a)[4], const float (&left)[4], const float (&right)[4]) {
    a[0] = pack(left[0], left[1]);
    a[1] = pack(left[2], left[3]);
    a[2] = pack(right[0], right[1]);
    a[3] = pack(right[2], right[3]);
}

// 2^x, a few ulp off; 0 for minus infinity.
__device__ __forceinline__ float exp2_approximate(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

// The sum and the maximum over the four lanes that share a row of a result.
__device__ __forceinline__ float row_sum(float x) {
    x += __shfl_xor_sync(ALL_LANES, x, 1);
    return x + __shfl_xor_sync(ALL_LANES, x, 2);
}
__device__ __forceinline__ float row_max(float x) {
    x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, 1));
    return fmaxf(x, __shfl_xor_sync(ALL_LANES, x, 2));
}
