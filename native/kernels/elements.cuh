// Elementwise access for any dtype and strides: vectors of up to 16 bytes, conversions, and the loop nest over strided operands.
#pragma once
#include "common.cuh"

// The loop nest over N strided operands of one shape, encoded by kept.cuda.Loops, which merges adjacent axes that are contiguous for every operand.
// The innermost axis comes first; strides are in elements.
constexpr int AXES = 6;

template <int N> struct Loops {
    long long count;
    // 0: every operand is contiguous and aligned to 16 bytes (step 1) or a broadcast value (step 0), with any number of elements. Otherwise the
    // number of axes, with fewer than 2^31 elements.
    long long rank;
    long long step[N];
    struct {
        unsigned extent;
        // Division by multiplication: n / extent = (high half of (n * multiplier) + n) >> shift, for n below 2^31.
        unsigned multiplier;
        long long shift;
        long long stride[N];
    } axis[AXES];

    // Offset of the element at a row-major position for each operand.
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

// Loads and stores of V adjacent elements in accesses of at most 16 bytes.
template <int BYTES> struct Words;
template <> struct Words<1> { using type = unsigned char; };
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

// Loads V adjacent elements for step 1, or broadcasts one element for step 0.
template <typename T, int V> __device__ __forceinline__ void load(const T* from, long long first, long long step, T (&to)[V]) {
    if (step == 1) {
        load(from + first, to);
    } else {
        const T value = *from;
#pragma unroll
        for (int i = 0; i < V; i++) to[i] = value;
    }
}

// maximum and minimum of IEEE 754-2019: NaN if either operand is NaN, and -0 < +0.
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

// Type of the arithmetic on elements: f32 for floating types, the type itself for integers, int for bytes and truth values.
template <typename T> struct Arithmetic { using type = float; };
template <> struct Arithmetic<int> { using type = int; };
template <> struct Arithmetic<long long> { using type = long long; };
template <> struct Arithmetic<unsigned char> { using type = int; };
template <> struct Arithmetic<bool> { using type = int; };

__device__ __forceinline__ int widen(int x) { return x; }
__device__ __forceinline__ long long widen(long long x) { return x; }
__device__ __forceinline__ int widen(unsigned char x) { return x; }
__device__ __forceinline__ int widen(bool x) { return x; }

// Conversion to an element type: f32 is rounded to nearest even, an integer keeps its low bits.
template <typename T> struct Narrow {
    static __device__ __forceinline__ T from(float x) { return narrow<T>(x); }
    static __device__ __forceinline__ T from(long long x) { return narrow<T>(static_cast<float>(x)); }
    static __device__ __forceinline__ T from(int x) { return narrow<T>(static_cast<float>(x)); }
};
// Float to integer truncates and saturates; NaN becomes 0.
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

template <> struct Narrow<unsigned char> {
    static __device__ __forceinline__ unsigned char from(float x) {
        return static_cast<unsigned char>(x != x ? 0 : min(max(__float2int_rz(x), 0), 255));
    }
    static __device__ __forceinline__ unsigned char from(long long x) { return static_cast<unsigned char>(x); }
    static __device__ __forceinline__ unsigned char from(int x) { return static_cast<unsigned char>(x); }
};
// All but 0 is true, NaN too.
template <> struct Narrow<bool> {
    static __device__ __forceinline__ bool from(float x) { return x != 0; }
    static __device__ __forceinline__ bool from(long long x) { return x != 0; }
    static __device__ __forceinline__ bool from(int x) { return x != 0; }
};

// Elements per vector, such that the larger type fills 16 bytes.
template <typename A, typename B = A> constexpr int vector_length = 16 / (sizeof(A) > sizeof(B) ? sizeof(A) : sizeof(B));

// Instantiate ENTRY(suffix, type) for each type; the suffix is part of the kernel's name.
#define FLOATING_TYPES(ENTRY, ...) \
    ENTRY(f32, float, ##__VA_ARGS__) \
    ENTRY(bf16, __nv_bfloat16, ##__VA_ARGS__) \
    ENTRY(f16, __half, ##__VA_ARGS__)
#define INTEGER_TYPES(ENTRY, ...) \
    ENTRY(i32, int, ##__VA_ARGS__) \
    ENTRY(i64, long long, ##__VA_ARGS__) \
    ENTRY(u8, unsigned char, ##__VA_ARGS__)
#define NUMBER_TYPES(ENTRY, ...) FLOATING_TYPES(ENTRY, ##__VA_ARGS__) INTEGER_TYPES(ENTRY, ##__VA_ARGS__)
#define ALL_TYPES(ENTRY, ...) NUMBER_TYPES(ENTRY, ##__VA_ARGS__) ENTRY(bool, bool, ##__VA_ARGS__)
