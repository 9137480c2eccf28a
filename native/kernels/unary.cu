// Functions of one operand, element by element.
#include "elements.cuh"

// Strides are (out, x).
template <typename T, typename F> __device__ __forceinline__ void unary(T* out, const T* x, const Loops<2>& loops, F f) {
    constexpr int V = vector_length<T>;
    long long i = thread_index();
    if (loops.rank > 0) {
        if (i >= loops.count) return;
        long long at[2];
        loops.offsets(static_cast<unsigned>(i), at);
        out[at[0]] = Narrow<T>::from(f(widen(x[at[1]])));
        return;
    }
    i *= V;
    if (i + V <= loops.count) {
        T values[V];
        load(x, i, loops.step[1], values);
#pragma unroll
        for (int k = 0; k < V; k++) values[k] = Narrow<T>::from(f(widen(values[k])));
        store(out + i, values);
    } else {
#pragma unroll 1
        for (; i < loops.count; i++) out[i] = Narrow<T>::from(f(widen(x[i * loops.step[1]])));
    }
}

struct Negate { template <typename T> __device__ T operator()(T x) const { return -x; } };
struct Abs {
    __device__ float operator()(float x) const { return fabsf(x); }
    template <typename T> __device__ T operator()(T x) const { return x < 0 ? -x : x; }
};
struct Exp { __device__ float operator()(float x) const { return expf(x); } };
struct Log { __device__ float operator()(float x) const { return logf(x); } };
struct Sqrt { __device__ float operator()(float x) const { return sqrtf(x); } };
struct Rsqrt { __device__ float operator()(float x) const { return 1.0f / sqrtf(x); } };
struct Tanh { __device__ float operator()(float x) const { return tanhf(x); } };
// From e^-|x|, so that it loses no digits on either side.
struct Sigmoid {
    __device__ float operator()(float x) const {
        const float z = expf(-fabsf(x));
        return (x < 0 ? z : 1.0f) / (z + 1.0f);
    }
};
struct Silu { __device__ float operator()(float x) const { return x * Sigmoid()(x); } };
// In the tanh approximation: x sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3)).
struct Gelu {
    __device__ float operator()(float x) const { return x * Sigmoid()(x * (x * x * (1.59576912f * 0.044715f) + 1.59576912f)); }
};
struct Relu { template <typename T> __device__ T operator()(T x) const { return larger(x, T(0)); } };

#define FUNCTION(SUFFIX, TYPE, NAME, F) \
    extern "C" __global__ void NAME##_##SUFFIX(TYPE* out, const TYPE* x, const __grid_constant__ Loops<2> loops) { unary(out, x, loops, F()); }
ALL_TYPES(FUNCTION, negate, Negate)
ALL_TYPES(FUNCTION, abs, Abs)
FLOATING_TYPES(FUNCTION, exp, Exp)
FLOATING_TYPES(FUNCTION, log, Log)
FLOATING_TYPES(FUNCTION, sqrt, Sqrt)
FLOATING_TYPES(FUNCTION, rsqrt, Rsqrt)
FLOATING_TYPES(FUNCTION, tanh, Tanh)
FLOATING_TYPES(FUNCTION, sigmoid, Sigmoid)
FLOATING_TYPES(FUNCTION, silu, Silu)
FLOATING_TYPES(FUNCTION, gelu, Gelu)
ALL_TYPES(FUNCTION, relu, Relu)
