// Rotary position embedding (RoPE): rotates the pairs (x[i], x[i + half]) by the angle of their position.
#include "heads.cuh"
#include "vectors.cuh"

// Stores as many elements as were loaded; four of 16 bits in an access of 8 bytes.
template <int N, typename T> __device__ __forceinline__ void store_rotated(T* p, const float (&x)[N]) {
    if constexpr (N == 4 && sizeof(T) == 2) {
        *reinterpret_cast<uint2*>(p) = make_uint2(narrow_two(x[0], x[1], T()), narrow_two(x[2], x[3], T()));
    } else {
        store<N>(p, x);
    }
}

// A block rotates one token, a thread N adjacent pairs at a time, so that the token's cosines and sines are read from global memory once for all
// heads. direction is 1, or -1 for the inverse rotation.
template <typename T, int N, typename O>
__device__ __forceinline__ void rotate(const T* x, Strides xs, O* out, Strides outs, const float* cosines, const float* sines, int sequence,
        int heads, int half, float direction) {
    const int batch = blockIdx.x / sequence, token = blockIdx.x - batch * sequence;
    x += batch * xs.batch + token * xs.token;
    out += batch * outs.batch + token * outs.token;
    cosines += (long long)token * half;
    sines += (long long)token * half;
    const int pieces = half / N;
    for (int i = threadIdx.x; i < heads * pieces; i += blockDim.x) {
        const int head = i / pieces, d = (i - head * pieces) * N;
        const T* from = x + head * xs.head + d;
        O* to = out + head * outs.head + d;
        float first[N], second[N], c[N], s[N];
        load<N>(from, first);
        load<N>(from + half, second);
        load<N>(cosines + d, c);
        load<N>(sines + d, s);
#pragma unroll
        for (int j = 0; j < N; j++) {
            s[j] *= direction;
            const float a = first[j] * c[j] - second[j] * s[j];
            second[j] = second[j] * c[j] + first[j] * s[j];
            first[j] = a;
        }
        store_rotated<N>(to, first);
        store_rotated<N>(to + half, second);
    }
}

// Rotates queries in place and keys into a cache, and copies values to it; each token may have a place of its own. Pieces of N pairs, or of N values,
// are numbered over all three.
template <typename T, int N>
__device__ __forceinline__ void append(T* q, Strides qs, const T* k, Strides ks, const T* v, Strides vs, T* keys, Strides keys_s, T* values,
        Strides values_s, const float* cosines, const float* sines, int sequence, int heads, int groups, int half, const Places& each) {
    const int batch = blockIdx.x / sequence, token = blockIdx.x - batch * sequence;
    q += batch * qs.batch + token * qs.token;
    k += batch * ks.batch + token * ks.token;
    v += batch * vs.batch + token * vs.token;
    if (each.count > 0) {
        keys = static_cast<T*>(each.keys[token]);
        values = static_cast<T*>(each.values[token]);
    } else {
        keys += batch * keys_s.batch + token * keys_s.token;
        values += batch * values_s.batch + token * values_s.token;
    }
    const int pieces = half / N, rotated = (heads + groups) * pieces, all = rotated + 2 * groups * pieces;
    for (int i = blockIdx.y * blockDim.x + threadIdx.x; i < all; i += gridDim.y * blockDim.x) {
        if (i < rotated) {
            const int head = i / pieces, d = (i - head * pieces) * N, group = head - heads;
            const T* from = group < 0 ? q + head * qs.head + d : k + group * ks.head + d;
            T* to = group < 0 ? q + head * qs.head + d : keys + group * keys_s.head + d;
            float first[N], second[N], c[N], s[N];
            load<N>(from, first);
            load<N>(from + half, second);
            load<N>(cosines + (long long)token * half + d, c);
            load<N>(sines + (long long)token * half + d, s);
#pragma unroll
            for (int j = 0; j < N; j++) {
                const float a = first[j] * c[j] - second[j] * s[j];
                second[j] = second[j] * c[j] + first[j] * s[j];
                first[j] = a;
            }
            store<N>(to, first);
            store<N>(to + half, second);
        } else {
            const int group = (i - rotated) / (2 * pieces), d = (i - rotated - group * 2 * pieces) * N;
            float x[N];
            load<N>(v + group * vs.head + d, x);
            store<N>(values + group * values_s.head + d, x);
        }
    }
}

#define ROTARY_TO(NAME, T, O, N)                                                                                                                 \
    extern "C" __global__ void __launch_bounds__(256) NAME(const T* x, Strides xs, O* out, Strides outs, const float* cosines,                   \
            const float* sines, int sequence, int heads, int half, float direction) {                                                           \
        rotate<T, N>(x, xs, out, outs, cosines, sines, sequence, heads, half, direction);                                                        \
    }

#define ROTARY(NAME, T, N) ROTARY_TO(NAME, T, T, N)

// Accesses of 16 bytes where addresses, strides and half the head dimension allow it, else single elements.
ROTARY(rotary_wide_f32, float, WIDE<float>)
ROTARY(rotary_wide_bf16, __nv_bfloat16, WIDE<__nv_bfloat16>)
ROTARY(rotary_wide_f16, __half, WIDE<__half>)
ROTARY(rotary_single_f32, float, 1)
ROTARY(rotary_single_bf16, __nv_bfloat16, 1)
ROTARY(rotary_single_f16, __half, 1)
// F32 rounded to BF16, stored in accesses of 8 bytes.
ROTARY_TO(rotary_wide_f32_to_bf16, float, __nv_bfloat16, WIDE<float>)
ROTARY_TO(rotary_single_f32_to_bf16, float, __nv_bfloat16, 1)

#define APPEND(NAME, T, N)                                                                                                                       \
    extern "C" __global__ void __launch_bounds__(256) NAME(T* q, Strides qs, const T* k, Strides ks, const T* v, Strides vs, T* keys,            \
            Strides keys_s, T* values, Strides values_s, const float* cosines, const float* sines, int sequence, int heads, int groups,          \
            int half, const __grid_constant__ Places each) {                                                                                     \
        append<T, N>(q, qs, k, ks, v, vs, keys, keys_s, values, values_s, cosines, sines, sequence, heads, groups, half, each);                  \
    }

APPEND(rotary_append_wide_f32, float, WIDE<float>)
APPEND(rotary_append_wide_bf16, __nv_bfloat16, WIDE<__nv_bfloat16>)
APPEND(rotary_append_wide_f16, __half, WIDE<__half>)
APPEND(rotary_append_single_f32, float, 1)
APPEND(rotary_append_single_bf16, __nv_bfloat16, 1)
APPEND(rotary_append_single_f16, __half, 1)
