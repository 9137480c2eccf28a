// SwiGLU: out = silu(gate) * up, and its gradients.
#include "vectors.cuh"

// 1 / (1 + e^-x). f32 results use the accurate exponential and division. Results that are rounded to 16 bits use the fast intrinsics, which are a few
// f32 ulp off; without them the kernel would be bound by arithmetic instead of memory.
template <typename T> __device__ __forceinline__ float sigmoid(float x) { return __fdividef(1.0f, 1.0f + __expf(-x)); }
template <> __device__ __forceinline__ float sigmoid<float>(float x) { return 1.0f / (1.0f + expf(-x)); }

template <typename T, int N> __device__ __forceinline__ void forward(const T* gate, const T* up, T* out) {
    float g[N], u[N];
    load<N>(gate, g);
    load<N>(up, u);
#pragma unroll
    for (int i = 0; i < N; i++) u[i] *= g[i] * sigmoid<T>(g[i]);
    store<N>(out, u);
}

template <typename T, int N, typename G, typename O>
__device__ __forceinline__ void backward(const G* gradient, const T* gate, const T* up, O* d_gate, O* d_up) {
    float dy[N], g[N], u[N];
    load<N>(gradient, dy);
    load<N>(gate, g);
    load<N>(up, u);
#pragma unroll
    for (int i = 0; i < N; i++) {
        const float s = sigmoid<float>(g[i]);
        u[i] *= dy[i] * s * fmaf(g[i], 1.0f - s, 1.0f); // gradient of gate
        g[i] *= dy[i] * s;                              // gradient of up
    }
    store<N>(d_gate, u);
    store<N>(d_up, g);
}

// A thread computes N adjacent elements; the last thread computes the remainder.
template <typename T, int N> __device__ __forceinline__ void swiglu_forward(const T* gate, const T* up, T* out, long long count) {
    const long long i = N * (blockIdx.x * (long long)blockDim.x + threadIdx.x);
    if (i + N <= count) {
        forward<T, N>(gate + i, up + i, out + i);
    } else {
        for (long long j = i; j < count; j++) forward<T, 1>(gate + j, up + j, out + j);
    }
}

template <typename T, int N, typename G, typename O>
__device__ __forceinline__ void swiglu_backward(const G* gradient, const T* gate, const T* up, O* d_gate, O* d_up, long long count) {
    const long long i = N * (blockIdx.x * (long long)blockDim.x + threadIdx.x);
    if (i + N <= count) {
        backward<T, N>(gradient + i, gate + i, up + i, d_gate + i, d_up + i);
    } else {
        for (long long j = i; j < count; j++) backward<T, 1>(gradient + j, gate + j, up + j, d_gate + j, d_up + j);
    }
}

#define SWIGLU(FORWARD, BACKWARD, T, N)                                                                                                          \
    extern "C" __global__ void __launch_bounds__(256) FORWARD(const T* gate, const T* up, T* out, long long count) {                             \
        swiglu_forward<T, N>(gate, up, out, count);                                                                                              \
    }                                                                                                                                            \
    extern "C" __global__ void __launch_bounds__(256, 4) BACKWARD(const float* gradient, const T* gate, const T* up, float* d_gate, float* d_up, \
            long long count) {                                                                                                                   \
        swiglu_backward<T, N>(gradient, gate, up, d_gate, d_up, count);                                                                          \
    }

// Accesses of 16 bytes where addresses allow it, else single elements.
SWIGLU(swiglu_wide_f32, swiglu_backward_wide_f32, float, WIDE<float>)
SWIGLU(swiglu_wide_bf16, swiglu_backward_wide_bf16, __nv_bfloat16, WIDE<__nv_bfloat16>)
SWIGLU(swiglu_wide_f16, swiglu_backward_wide_f16, __half, WIDE<__half>)
SWIGLU(swiglu_single_f32, swiglu_backward_single_f32, float, 1)
SWIGLU(swiglu_single_bf16, swiglu_backward_single_bf16, __nv_bfloat16, 1)
SWIGLU(swiglu_single_f16, swiglu_backward_single_f16, __half, 1)

// The gradients rounded to BF16, from a gradient of F32 or BF16.
#define ROUNDED(NAME, G, N)                                                                                                                      \
    extern "C" __global__ void __launch_bounds__(256, 4) NAME(const G* gradient, const __nv_bfloat16* gate, const __nv_bfloat16* up,              \
            __nv_bfloat16* d_gate, __nv_bfloat16* d_up, long long count) {                                                                       \
        swiglu_backward<__nv_bfloat16, N>(gradient, gate, up, d_gate, d_up, count);                                                              \
    }
ROUNDED(swiglu_rounded_wide_f32, float, WIDE<__nv_bfloat16>)
ROUNDED(swiglu_rounded_wide_bf16, __nv_bfloat16, WIDE<__nv_bfloat16>)
ROUNDED(swiglu_rounded_single_f32, float, 1)
ROUNDED(swiglu_rounded_single_bf16, __nv_bfloat16, 1)
