// Elements of any type at any strides: vectors of up to 16 bytes, conversions, and the walk over the operands of an elementwise kernel.
#pragma once
#include "common.cuh"

// How the elements of N operands of one shape lie, as kept.cuda.Loops lays it out. Neighbouring axes that are evenly spaced for every operand are
// merged on the host. Innermost axis first; strides count elements.
constexpr int AXES = 6;

template <int N> struct Loops {
    long long count;
    // 0: every operand's elements lie one after another, aligned to 16 bytes, or are one value throughout, as step says; there may be any number of
    // them. Otherwise there are fewer than 2^31.
    long long rank;
    long long step[N];
    struct {
        unsigned extent;
        // n / extent = (high half of n multiplier + n) >> shift, for n below 2^31.
        unsigned multiplier;
        long long shift;
        long long stride[N];
    } axis[AXES];

    // Where the element at a row-major position lies for each operand.
    __device__ __forceinline__ void offsets(unsigned position, long long (&offset)[N]) const {
#pragma unroll
        for (int k = 0; k < N; k++) offset[k] = 0;
        unsigned rest = position;
#pragma unroll
        for (int i = 0; i < AXES; i++) {
            if (i == rank) break;
            const unsigned quotient = (__umulhi(rest, axis[i].multiplier) + rest) >> axis[i].shift;
            const unsigned index = rest - quotient * axis[i].extent;
#pragma unroll
            for (int k = 0; k < N; k++) offset[k] += index * axis[i].stride[k];
            rest = quotient;
        }
    }
};

__device__ __forceinline__ long long thread_index() { return static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; }

// V neighbouring elements of V * sizeof(T) bytes, moved by accesses of at most 16 bytes.
template <int BYTES> struct Words;
template <> struct Words<2> { using type = unsigned short; };
template <> struct Words<4> { using type = unsigned; };
template <> struct Words<8> { using type = uint2; };
template <> struct Words<16> { using type = uint4; };

template <typename T, int V> __device__ __forceinline__ void load(const T* from, T (&to)[V]) {
    if constexpr (sizeof(T) * V > 16) {
        T half[V / 2];
        load(from, half);
#pragma unroll
        for (int i = 0; i < V / 2; i++) to[i] = half[i];
        load(from + V / 2, half);
#pragma unroll
        for (int i = 0; i < V / 2; i++) to[V / 2 + i] = half[i];
    } else {
        using Word = typename Words<sizeof(T) * V>::type;
        const Word word = *reinterpret_cast<const Word*>(from);
        memcpy(to, &word, sizeof(word));
    }
}

template <typename T, int V> __device__ __forceinline__ void store(T* to, const T (&from)[V]) {
    if constexpr (sizeof(T) * V > 16) {
        T half[V / 2];
#pragma unroll
        for (int i = 0; i < V / 2; i++) half[i] = from[i];
        store(to, half);
#pragma unroll
        for (int i = 0; i < V / 2; i++) half[i] = from[V / 2 + i];
        store(to + V / 2, half);
    } else {
        using Word = typename Words<sizeof(T) * V>::type;
        Word word;
        memcpy(&word, from, sizeof(word));
        *reinterpret_cast<Word*>(to) = word;
    }
}

// V elements at a step of 1, or one V times at a step of 0.
template <typename T, int V> __device__ __forceinline__ void load(const T* from, long long first, long long step, T (&to)[V]) {
    if (step == 1) {
        load(from + first, to);
    } else {
        const T value = *from;
#pragma unroll
        for (int i = 0; i < V; i++) to[i] = value;
    }
}

// The larger and the smaller as IEEE 754-2019 has them: NaN if either is, and -0 below +0.
__device__ __forceinline__ float larger(float a, float b) {
    float c;
    asm("max.NaN.f32 %0, %1, %2;" : "=f"(c) : "f"(a), "f"(b));
    return c;
}
__device__ __forceinline__ float smaller(float a, float b) {
    float c;
    asm("min.NaN.f32 %0, %1, %2;" : "=f"(c) : "f"(a), "f"(b));
    return c;
}
__device__ __forceinline__ int larger(int a, int b) { return max(a, b); }
__device__ __forceinline__ int smaller(int a, int b) { return min(a, b); }
__device__ __forceinline__ long long larger(long long a, long long b) { return max(a, b); }
__device__ __forceinline__ long long smaller(long long a, long long b) { return min(a, b); }

// What arithmetic on elements is done in: f32 for floating types, the type itself for integers.
template <typename T> struct Arithmetic { using type = float; };
template <> struct Arithmetic<int> { using type = int; };
template <> struct Arithmetic<long long> { using type = long long; };

__device__ __forceinline__ int widen(int x) { return x; }
__device__ __forceinline__ long long widen(long long x) { return x; }

// To an element's type: from f32 to nearest even, from an integer its low bits.
template <typename T> struct Narrow {
    static __device__ __forceinline__ T from(float x) { return narrow<T>(x); }
    static __device__ __forceinline__ T from(long long x) { return narrow<T>(static_cast<float>(x)); }
    static __device__ __forceinline__ T from(int x) { return narrow<T>(static_cast<float>(x)); }
};
// A float becomes an integer towards zero, the nearest there is where it lies beyond the type; NaN becomes 0.
template <> struct Narrow<int> {
    static __device__ __forceinline__ int from(float x) { return x != x ? 0 : __float2int_rz(x); }
    static __device__ __forceinline__ int from(long long x) { return static_cast<int>(x); }
    static __device__ __forceinline__ int from(int x) { return x; }
};
template <> struct Narrow<long long> {
    static __device__ __forceinline__ long long from(float x) { return x != x ? 0 : __float2ll_rz(x); }
    static __device__ __forceinline__ long long from(long long x) { return x; }
    static __device__ __forceinline__ long long from(int x) { return x; }
};

// Vectors of results and operands of which the largest fills 16 bytes.
template <typename A, typename B = A> constexpr int vector_length = 16 / (sizeof(A) > sizeof(B) ? sizeof(A) : sizeof(B));

// Operand names in entries: suffix, type.
#define FLOATING_TYPES(ENTRY, ...) \
    ENTRY(f32, float, ##__VA_ARGS__) \
    ENTRY(bf16, __nv_bfloat16, ##__VA_ARGS__) \
    ENTRY(f16, __half, ##__VA_ARGS__)
#define INTEGER_TYPES(ENTRY, ...) \
    ENTRY(i32, int, ##__VA_ARGS__) \
    ENTRY(i64, long long, ##__VA_ARGS__)
#define ALL_TYPES(ENTRY, ...) FLOATING_TYPES(ENTRY, ##__VA_ARGS__) INTEGER_TYPES(ENTRY, ##__VA_ARGS__)
