// Sum, maximum and minimum along the innermost axes, and arg max.
//
// The elements of a result are split into chunks by the shape alone, and each chunk is reduced in a fixed tree: by a block with a block-stride loop,
// or, where adjacent results are adjacent in memory, by one thread per result. Chunks are combined in order, so results are deterministic.
#include "elements.cuh"
#include <climits>

namespace {

constexpr int THREADS = 256;

// Offsets of the operands at a position of the loops.
template <int N> __device__ __forceinline__ void places(const Loops<N>& loops, long long position, long long (&at)[N]) {
    if (loops.rank > 0) {
        loops.offsets(static_cast<unsigned>(position), at);
    } else {
#pragma unroll
        for (int k = 0; k < N; k++) at[k] = position * loops.step[k];
    }
}

// Type of the accumulator: f32, or a 64-bit integer for integers.
template <typename T> struct Accumulator { using type = float; };
template <> struct Accumulator<int> { using type = long long; };
template <> struct Accumulator<long long> { using type = long long; };
template <> struct Accumulator<unsigned char> { using type = long long; };
template <> struct Accumulator<bool> { using type = long long; };

// Type of the result: the element type, but a 64-bit integer for sums of shorter integers.
struct Sum;
template <typename F, typename T> struct Result { using type = T; };
template <> struct Result<Sum, int> { using type = long long; };
template <> struct Result<Sum, unsigned char> { using type = long long; };
template <> struct Result<Sum, bool> { using type = long long; };

struct Sum {
    __device__ static void start(float& x) { x = 0.0f; }
    __device__ static void start(long long& x) { x = 0; }
    template <typename A> __device__ static A join(A a, A b) { return a + b; }
};
struct Maximum {
    __device__ static void start(float& x) { x = -INFINITY; }
    __device__ static void start(long long& x) { x = LLONG_MIN; }
    template <typename A> __device__ static A join(A a, A b) { return larger(a, b); }
};
struct Minimum {
    __device__ static void start(float& x) { x = INFINITY; }
    __device__ static void start(long long& x) { x = LLONG_MAX; }
    template <typename A> __device__ static A join(A a, A b) { return smaller(a, b); }
};

// Accumulates in groups of 32 and of 32 groups, so that the rounding error of a sum grows less than with one accumulator.
template <typename F, typename A> struct Joined {
    A groups, group, elements;
    unsigned count = 0;

    __device__ __forceinline__ Joined() {
        F::start(groups);
        F::start(group);
        F::start(elements);
    }

    __device__ __forceinline__ void add(A x) {
        elements = F::join(elements, x);
        count++;
        if (count % 32 == 0) {
            group = F::join(group, elements);
            F::start(elements);
        }
        if (count % 1024 == 0) {
            groups = F::join(groups, group);
            F::start(group);
        }
    }

    __device__ __forceinline__ A all() const { return F::join(groups, F::join(group, elements)); }
};

template <typename F, typename A> __device__ __forceinline__ A joined_by_block(A x) {
    __shared__ A values[THREADS];
    values[threadIdx.x] = x;
    __syncthreads();
    for (int distance = blockDim.x / 2; distance > 0; distance /= 2) {
        if (threadIdx.x < distance) values[threadIdx.x] = F::join(values[threadIdx.x], values[threadIdx.x + distance]);
        __syncthreads();
    }
    return values[0];
}

// Stores the result of a chunk: as the final result if there is one chunk, else as a partial result.
template <typename T, typename A>
__device__ __forceinline__ void deliver(A value, T* out, long long at, A* chunks, long long result) {
    if (gridDim.y == 1) out[at] = Narrow<T>::from(value);
    else chunks[result * gridDim.y + blockIdx.y] = value;
}

// kept are the loops over results, with operands (out, x); reduced are the loops over the reduced elements of x.
template <typename F, typename R, typename T, typename A>
__device__ __forceinline__ void by_blocks(R* out, const T* x, A* chunks, long long length, const Loops<2>& kept, const Loops<1>& reduced) {
    long long at[2], place[1];
    places(kept, blockIdx.x, at);
    const long long first = blockIdx.y * length, end = min(first + length, reduced.count);
    Joined<F, A> joined;
#pragma unroll 1
    for (long long i = first + threadIdx.x; i < end; i += blockDim.x) {
        places(reduced, i, place);
        joined.add(static_cast<A>(widen(x[at[1] + place[0]])));
    }
    const A value = joined_by_block<F>(joined.all());
    if (threadIdx.x == 0) deliver(value, out, at[0], chunks, blockIdx.x);
}

template <typename F, typename R, typename T, typename A>
__device__ __forceinline__ void by_threads(R* out, const T* x, A* chunks, long long length, const Loops<2>& kept, const Loops<1>& reduced) {
    const long long result = thread_index();
    if (result >= kept.count) return;
    long long at[2], place[1];
    places(kept, result, at);
    const long long first = blockIdx.y * length, end = min(first + length, reduced.count);
    Joined<F, A> joined;
#pragma unroll 1
    for (long long i = first; i < end; i++) {
        places(reduced, i, place);
        joined.add(static_cast<A>(widen(x[at[1] + place[0]])));
    }
    deliver(joined.all(), out, at[0], chunks, result);
}

template <typename F, typename T, typename A>
__device__ __forceinline__ void chunks_joined(T* out, const A* chunks, int count, const Loops<2>& kept) {
    const long long result = thread_index();
    if (result >= kept.count) return;
    long long at[2];
    places(kept, result, at);
    Joined<F, A> joined;
#pragma unroll 1
    for (int i = 0; i < count; i++) joined.add(chunks[result * count + i]);
    out[at[0]] = Narrow<T>::from(joined.all());
}

// Whether element a at index i precedes b at index j for arg max: NaN before numbers, then the larger, then the smaller index.
template <typename A> __device__ __forceinline__ bool comes_first(A a, long long i, A b, long long j) {
    const bool none_a = a != a, none_b = b != b;
    if (none_a || none_b) return none_a && (!none_b || i < j);
    return a > b || (a == b && i < j);
}

template <typename T>
__device__ __forceinline__ void arg_max(long long* out, const T* x, long long width, long long stride, const Loops<2>& kept) {
    using A = typename Arithmetic<T>::type;
    __shared__ A values[THREADS];
    __shared__ long long indices[THREADS];
    long long at[2];
    places(kept, blockIdx.x, at);
    x += at[1];
    // Threads beyond the row start with its first element, which does not change the result.
    long long index = threadIdx.x < width ? threadIdx.x : 0;
    A best = widen(x[index * stride]);
#pragma unroll 1
    for (long long i = index + blockDim.x; i < width; i += blockDim.x) {
        const A value = widen(x[i * stride]);
        if (comes_first(value, i, best, index)) best = value, index = i;
    }
    values[threadIdx.x] = best;
    indices[threadIdx.x] = index;
    __syncthreads();
    for (int distance = blockDim.x / 2; distance > 0; distance /= 2) {
        if (threadIdx.x < distance) {
            const int other = threadIdx.x + distance;
            if (comes_first(values[other], indices[other], values[threadIdx.x], indices[threadIdx.x])) {
                values[threadIdx.x] = values[other];
                indices[threadIdx.x] = indices[other];
            }
        }
        __syncthreads();
    }
    if (threadIdx.x == 0) out[at[0]] = indices[0];
}

}  // namespace

#define REDUCTION(SUFFIX, TYPE, NAME, F) \
    extern "C" __global__ void __launch_bounds__(THREADS) NAME##_by_blocks_##SUFFIX( \
        Result<F, TYPE>::type* out, const TYPE* x, Accumulator<TYPE>::type* chunks, long long length, const __grid_constant__ Loops<2> kept, \
        const __grid_constant__ Loops<1> reduced) { \
        by_blocks<F>(out, x, chunks, length, kept, reduced); \
    } \
    extern "C" __global__ void __launch_bounds__(THREADS) NAME##_by_threads_##SUFFIX( \
        Result<F, TYPE>::type* out, const TYPE* x, Accumulator<TYPE>::type* chunks, long long length, const __grid_constant__ Loops<2> kept, \
        const __grid_constant__ Loops<1> reduced) { \
        by_threads<F>(out, x, chunks, length, kept, reduced); \
    } \
    extern "C" __global__ void __launch_bounds__(THREADS) NAME##_of_chunks_##SUFFIX( \
        Result<F, TYPE>::type* out, const Accumulator<TYPE>::type* chunks, int count, const __grid_constant__ Loops<2> kept) { \
        chunks_joined<F>(out, chunks, count, kept); \
    }
ALL_TYPES(REDUCTION, sum, Sum)
ALL_TYPES(REDUCTION, maximum, Maximum)
ALL_TYPES(REDUCTION, minimum, Minimum)

#define ARG_MAX(SUFFIX, TYPE) \
    extern "C" __global__ void __launch_bounds__(THREADS) arg_max_##SUFFIX(long long* out, const TYPE* x, long long width, long long stride, \
                                                                           const __grid_constant__ Loops<2> kept) { \
        arg_max(out, x, width, stride, kept); \
    }
ALL_TYPES(ARG_MAX)
