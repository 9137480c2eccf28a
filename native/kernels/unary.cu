// Unary elementwise functions.
#include "elements.cuh"

// Operands of the loops: (out, x).
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
// Computed from e^-|x|, which neither overflows nor cancels for either sign of x.
struct Sigmoid {
    __device__ float operator()(float x) const {
        const float z = expf(-fabsf(x));
        return (x < 0 ? z : 1.0f) / (z + 1.0f);
    }
};
struct Silu { __device__ float operator()(float x) const { return x * Sigmoid()(x); } };
// x - n pi / 2 for the whole number n next to 2 x / pi; n modulo 4 in quarter. Large x is a 24-bit number times a power of two: of 2 / pi, in 32-bit
// words, the bits that matter times that number are the fraction of a turn.
__device__ __forceinline__ float reduced(float x, int& quarter) {
    const double half_pi = 1.5707963267948966, half_pi_rest = 6.123233995736766e-17;
    if (fabsf(x) < 33554432.0f) {
        const double n = rint(x * 0.63661977236758138);
        quarter = static_cast<int>(n);
        return static_cast<float>(fma(-n, half_pi_rest, fma(-n, half_pi, static_cast<double>(x))));
    }
    const unsigned bits = __float_as_uint(x);
    const int exponent = static_cast<int>(bits >> 23 & 255) - 150;  // of the last bit, from 2 to 104
    if (exponent == 105) {
        quarter = 0;
        return x - x;
    }
    const unsigned long long mantissa = bits & 0x7fffff | 0x800000;
    // Word k of 2 / pi has the bits of 2^-32k-1 to 2^-32k-32. Those that weigh 4 or more times the mantissa's last bit are whole turns.
    const int skipped = exponent - 2;
    const int word = skipped >> 5, bit = skipped & 31;
    unsigned w[4];
#pragma unroll
    for (int k = 0; k < 4; k++) {
        const int i = word + k;
        w[k] = i == 0 ? 0xa2f9836eu : i == 1 ? 0x4e441529u : i == 2 ? 0xfc2757d1u
            : i == 3 ? 0xf534ddc0u : i == 4 ? 0xdb629599u : i == 5 ? 0x3c439041u : 0xfe5163abu;
    }
    const unsigned long long high = (static_cast<unsigned long long>(w[0]) << 32 | w[1]) << bit | (bit ? w[2] >> (32 - bit) : 0u);
    const unsigned next = w[2] << bit | (bit ? w[3] >> (32 - bit) : 0u);
    // The product's 64 bits below the weight 4; what overflows is whole turns.
    const unsigned long long product = high * mantissa + (next * mantissa >> 32);
    quarter = static_cast<int>(product >> 62);
    long long fraction = static_cast<long long>(product << 2);
    if (fraction < 0) quarter++;
    const double r = static_cast<double>(fraction) * (half_pi * 5.421010862427522e-20);
    if (x < 0) quarter = -quarter;
    return static_cast<float>(x < 0 ? -r : r);
}
__device__ __forceinline__ float sine(float x, int more) {
    int quarter;
    const float r = reduced(x, quarter);
    quarter += more;
    const float s = r * r;
    const float odd = fmaf(fmaf(fmaf(fmaf(2.443066114e-05f, s, -1.388730132e-03f), s, 4.166664556e-02f), s, -0.5f), s, 1.0f);
    const float even = fmaf(fmaf(fmaf(fmaf(2.836952717e-06f, s, -1.985348354e-04f), s, 8.333380334e-03f), s, -1.666666716e-01f), s * r, r);
    const float y = quarter & 1 ? odd : even;
    return quarter & 2 ? -y : y;
}
struct Sin { __device__ float operator()(float x) const { return fabsf(x) < 0.0001220703125f ? x : sine(x, 0); } };
struct Cos { __device__ float operator()(float x) const { return sine(x, 1); } };
struct Erf { __device__ float operator()(float x) const { return erff(x); } };
// Integers are whole.
struct Floor {
    __device__ float operator()(float x) const { return floorf(x); }
    template <typename T> __device__ T operator()(T x) const { return x; }
};
struct Ceil {
    __device__ float operator()(float x) const { return ceilf(x); }
    template <typename T> __device__ T operator()(T x) const { return x; }
};
struct Round {
    __device__ float operator()(float x) const { return rintf(x); }
    template <typename T> __device__ T operator()(T x) const { return x; }
};
struct Sign { template <typename T> __device__ T operator()(T x) const { return x > 0 ? T(1) : x < 0 ? T(-1) : T(0); } };
struct Gelu { __device__ float operator()(float x) const { return 0.5f * x * (1.0f + erff(0.707106781f * x)); } };
// In the tanh approximation: x sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3)).
struct GeluTanh {
    __device__ float operator()(float x) const { return x * Sigmoid()(x * fmaf(x * x, 1.59576912f * 0.044715f, 1.59576912f)); }
};
struct Relu { template <typename T> __device__ T operator()(T x) const { return larger(x, T(0)); } };

#define FUNCTION(SUFFIX, TYPE, NAME, F) \
    extern "C" __global__ void NAME##_##SUFFIX(TYPE* out, const TYPE* x, const __grid_constant__ Loops<2> loops) { unary(out, x, loops, F()); }
NUMBER_TYPES(FUNCTION, negate, Negate)
NUMBER_TYPES(FUNCTION, abs, Abs)
FLOATING_TYPES(FUNCTION, exp, Exp)
FLOATING_TYPES(FUNCTION, log, Log)
FLOATING_TYPES(FUNCTION, sqrt, Sqrt)
FLOATING_TYPES(FUNCTION, rsqrt, Rsqrt)
FLOATING_TYPES(FUNCTION, tanh, Tanh)
FLOATING_TYPES(FUNCTION, sigmoid, Sigmoid)
FLOATING_TYPES(FUNCTION, silu, Silu)
FLOATING_TYPES(FUNCTION, sin, Sin)
FLOATING_TYPES(FUNCTION, cos, Cos)
FLOATING_TYPES(FUNCTION, erf, Erf)
NUMBER_TYPES(FUNCTION, floor, Floor)
NUMBER_TYPES(FUNCTION, ceil, Ceil)
NUMBER_TYPES(FUNCTION, round, Round)
NUMBER_TYPES(FUNCTION, sign, Sign)
FLOATING_TYPES(FUNCTION, gelu, Gelu)
FLOATING_TYPES(FUNCTION, gelu_tanh, GeluTanh)
NUMBER_TYPES(FUNCTION, relu, Relu)
