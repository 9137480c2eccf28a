// Shared by the tensor-core kernels: bf16 tiles in shared memory, their asynchronous copies, fragments and mma.
//
// A product multiplies a 16 x 16 fragment of a by a 16 x 8 fragment of b (mma.m16n8k16). With g = lane / 4 and t = lane % 4 a lane holds
//   of a   rows g and g + 8,  columns 2t, 2t + 1, 2t + 8, 2t + 9
//   of b   column g,          rows 2t, 2t + 1, 2t + 8, 2t + 9
//   of c   rows g and g + 8,  columns 2t and 2t + 1
// so the result of one product, rounded and packed, is the operand a of the next without any exchange between lanes.
#pragma once
#include "common.cuh"

// Layout of rows of D bf16 in shared memory, in chunks of 16 bytes, free of bank conflicts: ldmatrix reads the 8 rows of a matrix from 8 different
// groups of banks. Rows of a multiple of 128 bytes are swizzled (chunk XOR row); others are padded to an odd number of chunks.
template <int D> struct Tile {
    static constexpr int CHUNKS = D / 8;
    static constexpr bool PERMUTED = CHUNKS % 8 == 0;
    static constexpr int PITCH = (PERMUTED ? CHUNKS : CHUNKS | 1) * 16;

    static __device__ __forceinline__ unsigned offset(int row, int chunk) {
        return row * PITCH + (PERMUTED ? chunk ^ (row & 7) : chunk) * 16;
    }

    // Advances an address within its row by an even number of chunks. Tiles begin at multiples of 256 bytes, so XOR is valid on addresses.
    static __device__ __forceinline__ unsigned advance(unsigned address, int chunks) {
        return PERMUTED ? address ^ chunks * 16 : address + chunks * 16;
    }
};

__device__ __forceinline__ unsigned shared_address(const void* p) { return static_cast<unsigned>(__cvta_generic_to_shared(p)); }

// Asynchronous copies of 16 and 4 bytes from global to shared memory (cp.async). Bytes beyond `valid` are filled with zeros and not read.
__device__ __forceinline__ void copy_16(unsigned to, const void* from, int valid) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(__cvta_generic_to_global(from)), "r"(valid) : "memory");
}
__device__ __forceinline__ void copy_4(unsigned to, const void* from, int valid) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(__cvta_generic_to_global(from)), "r"(valid) : "memory");
}
__device__ __forceinline__ void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Waits for the copies of this thread. A barrier must follow before other threads' copies are read.
__device__ __forceinline__ void wait_for_copies() { asm volatile("cp.async.wait_group 0;" ::: "memory"); }

// Hides a value from the optimizer, so that it does not hoist computations of it out of a loop, which would cost registers.
__device__ __forceinline__ void here(unsigned& value) { asm volatile("" : "+r"(value)); }

// Starts the copy of ROWS rows of a matrix to a tile; rows from `count` on are filled with zeros.
template <int D, int ROWS, int THREADS>
__device__ __forceinline__ void copy_tile(unsigned tile, const __nv_bfloat16* from, long long stride, int count) {
    constexpr int CHUNKS = Tile<D>::CHUNKS, PASS = THREADS / CHUNKS;
    if constexpr (THREADS % CHUNKS == 0 && PASS % 8 == 0 && ROWS % PASS == 0) {
        // The chunks of a thread are in one column, PASS rows apart.
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

// Address of a lane for ldmatrix of a 16 x 16 fragment at a row of a tile.
// For a, and for b whose rows are the rows of the tile (transposed by the load):
template <int D> __device__ __forceinline__ unsigned along_rows(unsigned tile, int row) {
    const int lane = threadIdx.x & 31;
    return tile + Tile<D>::offset(row + (lane & 15), lane >> 4);
}
// For b whose columns are the rows of the tile:
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

// Packs two adjacent 16 x 8 results as operand a of a product.
__device__ __forceinline__ void pack_fragment(unsigned (&a)[4], const float (&left)[4], const float (&right)[4]) {
    a[0] = pack(left[0], left[1]);
    a[1] = pack(left[2], left[3]);
    a[2] = pack(right[0], right[1]);
    a[3] = pack(right[2], right[3]);
}

// 2^x within a few ulp; 0 for minus infinity.
__device__ __forceinline__ float exp2_approximate(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

// Sum and maximum over the four lanes that hold a row of a result.
__device__ __forceinline__ float row_sum(float x) {
    x += __shfl_xor_sync(ALL_LANES, x, 1);
    return x + __shfl_xor_sync(ALL_LANES, x, 2);
}
__device__ __forceinline__ float row_max(float x) {
    x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, 1));
    return fmaxf(x, __shfl_xor_sync(ALL_LANES, x, 2));
}
