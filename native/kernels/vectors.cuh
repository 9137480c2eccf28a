// Vectorized loads and stores of adjacent elements as f32: one access of 16 bytes (two for f32 beside a 16-bit type), or single elements.
#pragma once
#include "common.cuh"

// Elements of a type per access of 16 bytes.
template <typename T> constexpr int WIDE = 16 / sizeof(T);

template <int N> __device__ __forceinline__ void load(const float* p, float (&x)[N]) {
    if constexpr (N == 1) {
        x[0] = *p;
    } else {
#pragma unroll
        for (int i = 0; i < N; i += 4) {
            const float4 four = *reinterpret_cast<const float4*>(p + i);
            x[i] = four.x, x[i + 1] = four.y, x[i + 2] = four.z, x[i + 3] = four.w;
        }
    }
}

template <int N> __device__ __forceinline__ void store(float* p, const float (&x)[N]) {
    if constexpr (N == 1) {
        *p = x[0];
    } else {
#pragma unroll
        for (int i = 0; i < N; i += 4) *reinterpret_cast<float4*>(p + i) = make_float4(x[i], x[i + 1], x[i + 2], x[i + 3]);
    }
}

// Two 16-bit elements in a 32-bit word, the first in the low half.
__device__ __forceinline__ float2 widen_two(unsigned word, __nv_bfloat16) {
    return make_float2(__uint_as_float(word << 16), __uint_as_float(word & 0xffff0000u));
}
__device__ __forceinline__ float2 widen_two(unsigned word, __half) { return __half22float2(reinterpret_cast<const __half2&>(word)); }
__device__ __forceinline__ unsigned narrow_two(float low, float high, __nv_bfloat16) {
    const __nv_bfloat162 two = __floats2bfloat162_rn(low, high);
    return reinterpret_cast<const unsigned&>(two);
}
__device__ __forceinline__ unsigned narrow_two(float low, float high, __half) {
    const __half2 two = __floats2half2_rn(low, high);
    return reinterpret_cast<const unsigned&>(two);
}

template <int N, typename T> __device__ __forceinline__ void load(const T* p, float (&x)[N]) {
    static_assert(sizeof(T) == 2 && (N == 1 || N == 8));
    if constexpr (N == 1) {
        x[0] = widen(*p);
    } else {
        const uint4 words = *reinterpret_cast<const uint4*>(p);
        const unsigned w[4] = {words.x, words.y, words.z, words.w};
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const float2 two = widen_two(w[i], T());
            x[2 * i] = two.x, x[2 * i + 1] = two.y;
        }
    }
}

template <int N, typename T> __device__ __forceinline__ void store(T* p, const float (&x)[N]) {
    static_assert(sizeof(T) == 2 && (N == 1 || N == 8));
    if constexpr (N == 1) {
        *p = narrow<T>(x[0]);
    } else {
        unsigned w[4];
#pragma unroll
        for (int i = 0; i < 4; i++) w[i] = narrow_two(x[2 * i], x[2 * i + 1], T());
        *reinterpret_cast<uint4*>(p) = make_uint4(w[0], w[1], w[2], w[3]);
    }
}
