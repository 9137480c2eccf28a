// Binary elementwise functions, comparisons and where.
#include "elements.cuh"

// Operands of the loops: (out, a, b). The result of a comparison has another type than the operands; vectors fill 16 bytes of the larger type.
template <typename R, typename T, typename F>
__device__ __forceinline__ void binary(R* out, const T* a, const T* b, const Loops<3>& loops, F f) {
    constexpr int V = vector_length<R, T>;
    long long i = thread_index();
    if (loops.rank > 0) {
        if (i >= loops.count) return;
        long long at[3];
        loops.offsets(static_cast<unsigned>(i), at);
        out[at[0]] = Narrow<R>::from(f(widen(a[at[1]]), widen(b[at[2]])));
        return;
    }
    i *= V;
    if (i + V <= loops.count) {
        T x[V], y[V];
        R result[V];
        load(a, i, loops.step[1], x);
        load(b, i, loops.step[2], y);
#pragma unroll
        for (int k = 0; k < V; k++) result[k] = Narrow<R>::from(f(widen(x[k]), widen(y[k])));
        store(out + i, result);
    } else {
#pragma unroll 1
        for (; i < loops.count; i++) out[i] = Narrow<R>::from(f(widen(a[i * loops.step[1]]), widen(b[i * loops.step[2]])));
    }
}

struct Add { template <typename T> __device__ T operator()(T a, T b) const { return a + b; } };
struct Subtract { template <typename T> __device__ T operator()(T a, T b) const { return a - b; } };
struct Multiply { template <typename T> __device__ T operator()(T a, T b) const { return a * b; } };
struct Divide { __device__ float operator()(float a, float b) const { return a / b; } };
struct Minimum { template <typename T> __device__ T operator()(T a, T b) const { return smaller(a, b); } };
struct Maximum { template <typename T> __device__ T operator()(T a, T b) const { return larger(a, b); } };

// Integer division truncates, and MIN / -1 wraps around. A zero divisor sets a flag for which the host throws.
struct DivideIntegers {
    int* zeros;
    template <typename T> __device__ T operator()(T a, T b) const {
        if (b == 0) *zeros = 1;
        return b == 0 ? 0 : b == -1 ? Subtract()(T(0), a) : a / b;
    }
};

// A comparison is the mask of the relations for which it is true: less (1), equal (2), greater (4), unordered (8).
struct Compare {
    int holds;
    template <typename T> __device__ int operator()(T a, T b) const {
        const int relation = a < b ? 1 : a == b ? 2 : a > b ? 4 : 8;
        return (holds & relation) != 0;
    }
};

#define FUNCTION(SUFFIX, TYPE, NAME, F) \
    extern "C" __global__ void NAME##_##SUFFIX(TYPE* out, const TYPE* a, const TYPE* b, const __grid_constant__ Loops<3> loops) { \
        binary(out, a, b, loops, F()); \
    }
ALL_TYPES(FUNCTION, add, Add)
NUMBER_TYPES(FUNCTION, subtract, Subtract)
ALL_TYPES(FUNCTION, multiply, Multiply)
FLOATING_TYPES(FUNCTION, divide, Divide)
ALL_TYPES(FUNCTION, minimum, Minimum)
ALL_TYPES(FUNCTION, maximum, Maximum)

#define DIVIDE_INTEGERS(SUFFIX, TYPE) \
    extern "C" __global__ void divide_##SUFFIX( \
            TYPE* out, const TYPE* a, const TYPE* b, int* zeros, const __grid_constant__ Loops<3> loops) { \
        binary(out, a, b, loops, DivideIntegers{zeros}); \
    }
INTEGER_TYPES(DIVIDE_INTEGERS)

#define COMPARE(SUFFIX, TYPE) \
    extern "C" __global__ void compare_##SUFFIX(bool* out, const TYPE* a, const TYPE* b, int holds, const __grid_constant__ Loops<3> loops) { \
        binary(out, a, b, loops, Compare{holds}); \
    } \
    extern "C" __global__ void compare_##SUFFIX##_to_i32( \
            int* out, const TYPE* a, const TYPE* b, int holds, const __grid_constant__ Loops<3> loops) { \
        binary(out, a, b, loops, Compare{holds}); \
    }
ALL_TYPES(COMPARE)

// Operands of the loops: (out, condition, a, b). Values are copied without conversion.
template <typename T, typename C> __device__ __forceinline__ void where(T* out, const C* condition, const T* a, const T* b, const Loops<4>& loops) {
    constexpr int V = vector_length<T, C>;
    long long i = thread_index();
    if (loops.rank > 0) {
        if (i >= loops.count) return;
        long long at[4];
        loops.offsets(static_cast<unsigned>(i), at);
        out[at[0]] = condition[at[1]] != 0 ? a[at[2]] : b[at[3]];
        return;
    }
    i *= V;
    if (i + V <= loops.count) {
        C holds[V];
        T x[V], y[V];
        load(condition, i, loops.step[1], holds);
        load(a, i, loops.step[2], x);
        load(b, i, loops.step[3], y);
#pragma unroll
        for (int k = 0; k < V; k++) x[k] = holds[k] != 0 ? x[k] : y[k];
        store(out + i, x);
    } else {
#pragma unroll 1
        for (; i < loops.count; i++) out[i] = condition[i * loops.step[1]] != 0 ? a[i * loops.step[2]] : b[i * loops.step[3]];
    }
}

#define WHERE(SUFFIX, TYPE, CONDITION, CONDITION_TYPE) \
    extern "C" __global__ void where_##CONDITION##_##SUFFIX( \
            TYPE* out, const CONDITION_TYPE* condition, const TYPE* a, const TYPE* b, const __grid_constant__ Loops<4> loops) { \
        where(out, condition, a, b, loops); \
    }
#define WHERE_OF_SIZES(CONDITION, CONDITION_TYPE) \
    WHERE(b1, unsigned char, CONDITION, CONDITION_TYPE) \
    WHERE(b2, unsigned short, CONDITION, CONDITION_TYPE) \
    WHERE(b4, unsigned, CONDITION, CONDITION_TYPE) \
    WHERE(b8, unsigned long long, CONDITION, CONDITION_TYPE)
WHERE_OF_SIZES(bool, bool)
WHERE_OF_SIZES(i32, int)

// Adds a bf16 branch to an f32 residual stream: out = a + b in f32. Vectors have four elements, so b is read in accesses of 8 bytes.
extern "C" __global__ void add_f32_bf16(float* out, const float* a, const __nv_bfloat16* b, const __grid_constant__ Loops<3> loops) {
    constexpr int V = vector_length<float>;
    long long i = thread_index();
    if (loops.rank > 0) {
        if (i >= loops.count) return;
        long long at[3];
        loops.offsets(static_cast<unsigned>(i), at);
        out[at[0]] = a[at[1]] + widen(b[at[2]]);
        return;
    }
    i *= V;
    if (i + V <= loops.count) {
        float x[V];
        __nv_bfloat16 y[V];
        load(a, i, loops.step[1], x);
        load(b, i, loops.step[2], y);
#pragma unroll
        for (int k = 0; k < V; k++) x[k] += widen(y[k]);
        store(out + i, x);
    } else {
#pragma unroll 1
        for (; i < loops.count; i++) out[i] = a[i * loops.step[1]] + widen(b[i * loops.step[2]]);
    }
}
