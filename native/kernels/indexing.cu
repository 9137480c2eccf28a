// Gather, scatter-add and embedding. The host launches check_indices first, so all indices are in range here.
#include "elements.cuh"

// Indices of dtype I32 or I64, selected at run time by their size in bytes.
struct Indices {
    const void* at;
    long long bytes;

    __device__ __forceinline__ long long get(long long i) const {
        return bytes == 4 ? static_cast<const int*>(at)[i] : static_cast<const long long*>(at)[i];
    }
};

// Lowers *wrong to the smallest row-major position (counted from first) of an index outside 0 to extent - 1.
extern "C" __global__ void check_indices(
        unsigned long long* wrong, Indices index, long long extent, long long first, const __grid_constant__ Loops<1> loops) {
    const long long i = thread_index();
    if (i >= loops.count) return;
    long long at[1] = {i * loops.step[0]};
    if (loops.rank > 0) loops.offsets(static_cast<unsigned>(i), at);
    const long long chosen = index.get(at[0]);
    if (chosen < 0 || chosen >= extent) atomicMin(wrong, static_cast<unsigned long long>(first + i));
}

// out[..., i, ...] = x[..., index[..., i, ...], ...]. Operands of the loops: (out, index, x). The stride of x along the indexed axis is 0 in the
// loops and passed as step.
template <typename T> __device__ __forceinline__ void gather(T* out, Indices index, const T* x, long long step, const Loops<3>& loops) {
    const long long i = thread_index();
    if (i >= loops.count) return;
    long long at[3] = {i, i * loops.step[1], i * loops.step[2]};
    if (loops.rank > 0) loops.offsets(static_cast<unsigned>(i), at);
    out[at[0]] = x[at[2] + index.get(at[1]) * step];
}

#define GATHER(SUFFIX, TYPE) \
    extern "C" __global__ void gather_##SUFFIX( \
            TYPE* out, Indices index, const TYPE* x, long long step, const __grid_constant__ Loops<3> loops) { \
        gather(out, index, x, step, loops); \
    }
GATHER(b1, unsigned char)
GATHER(b2, unsigned short)
GATHER(b4, unsigned)
GATHER(b8, unsigned long long)

// The indexed axis of a scatter: its extent in x and index, and the strides along it.
struct Axis {
    long long count, x_step, index_step, out_step;
};

// out[..., index[..., i, ...], ...] += x[..., i, ...]. The loops run over all other axes with operands (x, index, out). blockDim.x threads share a
// slice along the axis; each owns the elements of out whose index is its own modulo blockDim.x and adds to them in ascending order of i. So the order
// of additions does not depend on the number of threads, and no atomics are needed.
template <typename T> __device__ __forceinline__ void scatter_add(T* out, const T* x, Indices index, const Axis& axis, const Loops<3>& loops) {
    const long long slice = static_cast<long long>(blockIdx.x) * blockDim.y + threadIdx.y;
    if (slice >= loops.count) return;
    long long at[3] = {slice * loops.step[0], slice * loops.step[1], slice * loops.step[2]};
    if (loops.rank > 0) loops.offsets(static_cast<unsigned>(slice), at);
    for (long long i = 0; i < axis.count; i++) {
        const long long chosen = index.get(at[1] + i * axis.index_step);
        if ((static_cast<unsigned>(chosen) & (blockDim.x - 1)) == threadIdx.x) out[at[2] + chosen * axis.out_step] += x[at[0] + i * axis.x_step];
    }
}

#define SCATTER_ADD(SUFFIX, TYPE) \
    extern "C" __global__ void scatter_add_##SUFFIX( \
            TYPE* out, const TYPE* x, Indices index, Axis axis, const __grid_constant__ Loops<3> loops) { \
        scatter_add(out, x, index, axis, loops); \
    }
SCATTER_ADD(f32, float)
SCATTER_ADD(i32, int)
SCATTER_ADD(i64, long long)
SCATTER_ADD(u8, unsigned char)
SCATTER_ADD(bool, bool)

// out[i, :] = table[index[i], :]. One block per i and, along y, per part of the row; in vectors where width and alignment allow it.
template <typename To, typename From>
__device__ __forceinline__ void embedding(To* out, const From* table, Indices index, long long width, int vectors) {
    constexpr int V = 16 / (sizeof(To) < sizeof(From) ? sizeof(To) : sizeof(From));
    const From* from = table + index.get(blockIdx.x) * width;
    To* to = out + blockIdx.x * width;
    const long long first = static_cast<long long>(blockIdx.y) * blockDim.x + threadIdx.x, step = static_cast<long long>(gridDim.y) * blockDim.x;
    if (vectors) {
        for (long long i = first * V; i < width; i += step * V) {
            From x[V];
            To y[V];
            load(from + i, x);
#pragma unroll
            for (int k = 0; k < V; k++) y[k] = narrow<To>(widen(x[k]));
            store(to + i, y);
        }
    } else {
        for (long long i = first; i < width; i += step) to[i] = narrow<To>(widen(from[i]));
    }
}

#define EMBEDDING(TO, TO_TYPE, FROM, FROM_TYPE) \
    extern "C" __global__ void embedding_##FROM##_to_##TO(TO_TYPE* out, const FROM_TYPE* table, Indices index, long long width, int vectors) { \
        embedding(out, table, index, width, vectors); \
    }
FLOATING_TYPES(EMBEDDING, f32, float)
FLOATING_TYPES(EMBEDDING, bf16, __nv_bfloat16)
FLOATING_TYPES(EMBEDDING, f16, __half)

// out[index[i], :] += gradient[i, :], in ascending order of i. One block per i from first to end and, along y, per 1024 columns. The block of the
// first occurrence of an index adds the rows of all its occurrences; the other blocks return at once.
constexpr int GRADIENT_THREADS = 256;
constexpr int GRADIENT_COLUMNS = 4;

extern "C" __global__ void __launch_bounds__(GRADIENT_THREADS) embedding_gradient(
        float* out, const float* gradient, Indices index, long long width, long long first, long long end) {
    __shared__ int found[GRADIENT_THREADS];
    __shared__ int before[GRADIENT_THREADS / 32];
    const long long mine = first + blockIdx.x;
    const long long chosen = index.get(mine);
    int earlier = 0;
    for (long long i = first + threadIdx.x; i < mine; i += GRADIENT_THREADS) earlier |= index.get(i) == chosen;
    if (__syncthreads_or(earlier)) return;

    // Adjacent threads own adjacent columns, so accesses are coalesced.
    const long long column = static_cast<long long>(blockIdx.y) * GRADIENT_THREADS * GRADIENT_COLUMNS + threadIdx.x;
    float sum[GRADIENT_COLUMNS];
#pragma unroll
    for (int k = 0; k < GRADIENT_COLUMNS; k++) {
        const long long j = column + k * GRADIENT_THREADS;
        sum[k] = j < width ? out[chosen * width + j] : 0.0f;
    }
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    for (long long tile = mine; tile < end; tile += GRADIENT_THREADS) {
        // Compacts the positions of equal indices of the tile in ascending order: counts per warp, then a prefix sum.
        const bool equal = tile + threadIdx.x < end && index.get(tile + threadIdx.x) == chosen;
        const unsigned lanes = __ballot_sync(ALL_LANES, equal);
        if (lane == 0) before[warp] = __popc(lanes);
        __syncthreads();
        int place = __popc(lanes & ((1u << lane) - 1)), count = 0;
#pragma unroll
        for (int i = 0; i < GRADIENT_THREADS / 32; i++) {
            place += i < warp ? before[i] : 0;
            count += before[i];
        }
        if (equal) found[place] = threadIdx.x;
        __syncthreads();
        for (int i = 0; i < count; i++) {
            const float* row = gradient + (tile + found[i]) * width;
#pragma unroll
            for (int k = 0; k < GRADIENT_COLUMNS; k++) {
                const long long j = column + k * GRADIENT_THREADS;
                if (j < width) sum[k] += row[j];
            }
        }
        __syncthreads();
    }
#pragma unroll
    for (int k = 0; k < GRADIENT_COLUMNS; k++) {
        const long long j = column + k * GRADIENT_THREADS;
        if (j < width) out[chosen * width + j] = sum[k];
    }
}
