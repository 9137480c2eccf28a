// RMSNorm and LayerNorm along rows, forward and backward; the forward pass also fused with a residual addition.
//
// Where width and alignment allow it, a row stays in the registers of its threads, 16 elements each, and is read and written once in vectors of 16
// bytes. The kernels named "any" take all other rows: their threads read single elements, once for each sum.
#include "elements.cuh"

constexpr int EACH = 16;
// Maximum threads per row. The backward pass needs more registers per thread.
constexpr int FORWARD_THREADS = 1024;
constexpr int BACKWARD_THREADS = 512;

// An operand whose type is selected at run time: 0 is f32, 1 bf16, 2 f16.
struct Floats {
    const void* at;
    long long type;

    __device__ __forceinline__ float get(long long i) const {
        if (type == 0) return static_cast<const float*>(at)[i];
        if (type == 1) return widen(static_cast<const __nv_bfloat16*>(at)[i]);
        return widen(static_cast<const __half*>(at)[i]);
    }

    __device__ __forceinline__ void set(long long i, float value) const {
        void* to = const_cast<void*>(at);
        if (type == 0) static_cast<float*>(to)[i] = value;
        else if (type == 1) static_cast<__nv_bfloat16*>(to)[i] = narrow<__nv_bfloat16>(value);
        else static_cast<__half*>(to)[i] = narrow<__half>(value);
    }

    template <int V> __device__ __forceinline__ void get(long long i, float (&to)[V]) const {
        if (type == 0) get_as<float>(i, to);
        else if (type == 1) get_as<__nv_bfloat16>(i, to);
        else get_as<__half>(i, to);
    }

    template <typename T, int V> __device__ __forceinline__ void get_as(long long i, float (&to)[V]) const {
        T from[V];
        load(static_cast<const T*>(at) + i, from);
#pragma unroll
        for (int k = 0; k < V; k++) to[k] = widen(from[k]);
    }
};

// A row belongs to one warp, with several rows per block, or to a whole block.
__device__ __forceinline__ float row_sum(float x) { return blockDim.x == 32 ? warp_sum(x) : block_sum(x); }

// The elements of a row in the registers of a thread: vectors of V elements, with adjacent vectors in adjacent threads.
template <typename T> struct Part {
    static constexpr int V = vector_length<T>, VECTORS = EACH / V;
    float at[VECTORS][V];

    static __device__ __forceinline__ int column(int vector) { return (vector * blockDim.x + threadIdx.x) * V; }

    // Elements beyond the end of the row are zero.
    __device__ __forceinline__ void load_row(const T* row, int width) {
        T from[VECTORS][V];
#pragma unroll
        for (int i = 0; i < VECTORS; i++) {
            if (column(i) < width) {
                load(row + column(i), from[i]);
            } else {
#pragma unroll
                for (int k = 0; k < V; k++) from[i][k] = narrow<T>(0.0f);
            }
        }
#pragma unroll
        for (int i = 0; i < VECTORS; i++) {
#pragma unroll
            for (int k = 0; k < V; k++) at[i][k] = widen(from[i][k]);
        }
    }
};

// Input of the forward pass: rows in memory. Sum is the fused alternative.
template <typename T> struct Stored {
    using type = T;
    const T* x;
    __device__ __forceinline__ void load_row(Part<T>& values, long long row, int width) const { values.load_row(x + row * width, width); }
};

// Normalizes rows of type T to type O; a thread stores as many elements at a time as it loads.
template <typename R, typename T = typename R::type, typename O>
__device__ __forceinline__ void rms_norm(O* out, float* rstd, R x, Floats weight, long long rows, int width, float epsilon) {
    using Row = Part<T>;
    const long long row = static_cast<long long>(blockIdx.x) * blockDim.y + threadIdx.y;
    if (row >= rows) return;
    Row values;
    x.load_row(values, row, width);
    float squares = 0;
#pragma unroll
    for (int i = 0; i < Row::VECTORS; i++) {
#pragma unroll
        for (int k = 0; k < Row::V; k++) squares = fmaf(values.at[i][k], values.at[i][k], squares);
    }
    const float scale = 1.0f / sqrtf(row_sum(squares) / width + epsilon);
    if (threadIdx.x == 0) rstd[row] = scale;
#pragma unroll
    for (int i = 0; i < Row::VECTORS; i++) {
        const int column = Row::column(i);
        if (column >= width) break;
        float w[Row::V];
        weight.get(column, w);
        O result[Row::V];
#pragma unroll
        for (int k = 0; k < Row::V; k++) result[k] = narrow<O>(values.at[i][k] * scale * w[k]);
        store(out + row * width + column, result);
    }
}

template <typename R, typename T = typename R::type, typename O>
__device__ __forceinline__ void layer_norm(
        O* out, float* mean, float* rstd, R x, Floats weight, Floats bias, long long rows, int width, float epsilon) {
    using Row = Part<T>;
    const long long row = static_cast<long long>(blockIdx.x) * blockDim.y + threadIdx.y;
    if (row >= rows) return;
    Row values;
    x.load_row(values, row, width);
    float sum = 0;
#pragma unroll
    for (int i = 0; i < Row::VECTORS; i++) {
#pragma unroll
        for (int k = 0; k < Row::V; k++) sum += values.at[i][k];
    }
    const float average = row_sum(sum) / width;
    float squares = 0;
#pragma unroll
    for (int i = 0; i < Row::VECTORS; i++) {
#pragma unroll
        for (int k = 0; k < Row::V; k++) {
            values.at[i][k] -= average;
            if (Row::column(i) < width) squares = fmaf(values.at[i][k], values.at[i][k], squares);
        }
    }
    const float scale = 1.0f / sqrtf(row_sum(squares) / width + epsilon);
    if (threadIdx.x == 0) {
        mean[row] = average;
        rstd[row] = scale;
    }
#pragma unroll
    for (int i = 0; i < Row::VECTORS; i++) {
        const int column = Row::column(i);
        if (column >= width) break;
        float w[Row::V], b[Row::V];
        weight.get(column, w);
        bias.get(column, b);
        O result[Row::V];
#pragma unroll
        for (int k = 0; k < Row::V; k++) result[k] = narrow<O>(fmaf(values.at[i][k] * scale, w[k], b[k]));
        store(out + row * width + column, result);
    }
}

#define FORWARD_TO(SUFFIX, TYPE, OUT) \
    extern "C" __global__ void __launch_bounds__(FORWARD_THREADS) rms_norm_##SUFFIX( \
            OUT* out, float* rstd, const TYPE* x, Floats weight, long long rows, int width, float epsilon) { \
        rms_norm(out, rstd, Stored<TYPE>{x}, weight, rows, width, epsilon); \
    } \
    extern "C" __global__ void __launch_bounds__(FORWARD_THREADS) layer_norm_##SUFFIX( \
            OUT* out, float* mean, float* rstd, const TYPE* x, Floats weight, Floats bias, long long rows, int width, float epsilon) { \
        layer_norm(out, mean, rstd, Stored<TYPE>{x}, weight, bias, rows, width, epsilon); \
    }
#define FORWARD(SUFFIX, TYPE) FORWARD_TO(SUFFIX, TYPE, TYPE)
FLOATING_TYPES(FORWARD)

extern "C" __global__ void __launch_bounds__(FORWARD_THREADS) rms_norm_any(
        Floats out, float* rstd, Floats x, Floats weight, int width, float epsilon) {
    const long long row = blockIdx.x, first = row * width;
    float squares = 0;
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        const float value = x.get(first + i);
        squares = fmaf(value, value, squares);
    }
    const float scale = 1.0f / sqrtf(row_sum(squares) / width + epsilon);
    if (threadIdx.x == 0) rstd[row] = scale;
    for (int i = threadIdx.x; i < width; i += blockDim.x) out.set(first + i, x.get(first + i) * scale * weight.get(i));
}

extern "C" __global__ void __launch_bounds__(FORWARD_THREADS) layer_norm_any(
        Floats out, float* mean, float* rstd, Floats x, Floats weight, Floats bias, int width, float epsilon) {
    const long long row = blockIdx.x, first = row * width;
    float sum = 0;
    for (int i = threadIdx.x; i < width; i += blockDim.x) sum += x.get(first + i);
    const float average = row_sum(sum) / width;
    float squares = 0;
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        const float value = x.get(first + i) - average;
        squares = fmaf(value, value, squares);
    }
    const float scale = 1.0f / sqrtf(row_sum(squares) / width + epsilon);
    if (threadIdx.x == 0) {
        mean[row] = average;
        rstd[row] = scale;
    }
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        out.set(first + i, fmaf((x.get(first + i) - average) * scale, weight.get(i), bias.get(i)));
    }
}

// Backward pass. Groups of threads (a block, or a warp of it) take the rows in a grid-stride loop. Each group accumulates the gradients of weight and
// bias over its rows and stores them as one row of the partial sums [groups, width]. Any of dx, weights and biases may be null.
__device__ __forceinline__ long long group() { return static_cast<long long>(blockIdx.x) * blockDim.y + threadIdx.y; }
__device__ __forceinline__ long long groups() { return static_cast<long long>(gridDim.x) * blockDim.y; }

//
// ADDS: dx is added to, and the sum is stored in BF16 as well.
template <typename T, bool CENTRED, bool ADDS = false>
__device__ __forceinline__ void gradient(float* dx, float* weights, float* biases, const float* gradients, const T* x, Floats weight,
        const float* mean, const float* rstd, long long rows, int width, __nv_bfloat16* rounded = nullptr) {
    using Row = Part<T>;
    constexpr int V = Row::V, VECTORS = Row::VECTORS;
    float weight_sum[VECTORS][V] = {}, bias_sum[VECTORS][V] = {};
    for (long long row = group(); row < rows; row += groups()) {
        float m[VECTORS][V], g[VECTORS][V];
#pragma unroll
        for (int i = 0; i < VECTORS; i++) {
            if (Row::column(i) < width) {
                load(gradients + row * width + Row::column(i), g[i]);
            } else {
#pragma unroll
                for (int k = 0; k < V; k++) g[i][k] = 0;
            }
        }
        Row n;
        n.load_row(x + row * width, width);
        const float scale = rstd[row];
        const float average = CENTRED ? mean[row] : 0.0f;
        float products = 0, sum = 0;
#pragma unroll
        for (int i = 0; i < VECTORS; i++) {
            if (Row::column(i) < width) {
                weight.get(Row::column(i), m[i]);
            } else {
#pragma unroll
                for (int k = 0; k < V; k++) m[i][k] = 0;
            }
#pragma unroll
            for (int k = 0; k < V; k++) {
                n.at[i][k] = (CENTRED ? n.at[i][k] - average : n.at[i][k]) * scale;
                weight_sum[i][k] = fmaf(g[i][k], n.at[i][k], weight_sum[i][k]);
                if (CENTRED) bias_sum[i][k] += g[i][k];
                m[i][k] *= g[i][k];
                products = fmaf(m[i][k], n.at[i][k], products);
                if (CENTRED) sum += m[i][k];
            }
        }
        if (dx != nullptr) {
            // The row that is added to arrives while the sums are formed.
            if constexpr (ADDS) {
#pragma unroll
                for (int i = 0; i < VECTORS; i++) {
                    if (Row::column(i) < width) load(dx + row * width + Row::column(i), g[i]);
                }
            }
            products = row_sum(products) / width;
            if (CENTRED) sum = row_sum(sum) / width;
#pragma unroll
            for (int i = 0; i < VECTORS; i++) {
                if (Row::column(i) >= width) break;
#pragma unroll
                for (int k = 0; k < V; k++) m[i][k] = scale * fmaf(-n.at[i][k], products, m[i][k] - sum);
                if constexpr (ADDS) {
                    __nv_bfloat16 narrowed[V];
#pragma unroll
                    for (int k = 0; k < V; k++) {
                        m[i][k] = g[i][k] + m[i][k];
                        narrowed[k] = narrow<__nv_bfloat16>(m[i][k]);
                    }
                    store(rounded + row * width + Row::column(i), narrowed);
                }
                store(dx + row * width + Row::column(i), m[i]);
            }
        }
    }
#pragma unroll
    for (int i = 0; i < VECTORS; i++) {
        if (Row::column(i) >= width) break;
        const long long at = group() * width + Row::column(i);
        if (weights != nullptr) store(weights + at, weight_sum[i]);
        if (CENTRED && biases != nullptr) store(biases + at, bias_sum[i]);
    }
}

// With 96 registers per thread two blocks of 320 threads, for rows of 5120, are resident on a multiprocessor; with 104, the next allocation size,
// one.
#define BACKWARD(SUFFIX, TYPE) \
    extern "C" __global__ void __maxnreg__(96) rms_norm_gradient_##SUFFIX( \
            float* dx, float* weights, const float* gradients, const TYPE* x, Floats weight, const float* rstd, long long rows, int width) { \
        gradient<TYPE, false>(dx, weights, nullptr, gradients, x, weight, nullptr, rstd, rows, width); \
    } \
    extern "C" __global__ void __launch_bounds__(BACKWARD_THREADS) layer_norm_gradient_##SUFFIX(float* dx, float* weights, float* biases, \
            const float* gradients, const TYPE* x, Floats weight, const float* mean, const float* rstd, long long rows, int width) { \
        gradient<TYPE, true>(dx, weights, biases, gradients, x, weight, mean, rstd, rows, width); \
    }
FLOATING_TYPES(BACKWARD)

extern "C" __global__ void __maxnreg__(96) add_rms_norm_gradient_f32(float* sum, __nv_bfloat16* rounded, float* weights, const float* gradients,
        const float* x, Floats weight, const float* rstd, long long rows, int width) {
    gradient<float, false, true>(sum, weights, nullptr, gradients, x, weight, nullptr, rstd, rows, width, rounded);
}

// F32 to BF16. It stands here because, placed before the gradients, it makes the compiler use ten registers more for them.
FORWARD_TO(f32_to_bf16, float, __nv_bfloat16)

// Partial sums are accumulated in global memory: a thread owns the same columns of every row.
extern "C" __global__ void __launch_bounds__(FORWARD_THREADS) norm_gradient_any(float* dx, float* weights, float* biases, const float* gradients,
        Floats x, Floats weight, const float* mean, const float* rstd, long long rows, int width) {
    if (weights != nullptr) weights += group() * width;
    if (biases != nullptr) biases += group() * width;
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        if (weights != nullptr) weights[i] = 0;
        if (biases != nullptr) biases[i] = 0;
    }
    for (long long row = group(); row < rows; row += groups()) {
        const long long first = row * width;
        const float scale = rstd[row];
        const float average = mean != nullptr ? mean[row] : 0.0f;
        float products = 0, sum = 0;
        for (int i = threadIdx.x; i < width; i += blockDim.x) {
            const float g = gradients[first + i];
            const float n = (x.get(first + i) - average) * scale;
            const float m = g * weight.get(i);
            if (weights != nullptr) weights[i] = fmaf(g, n, weights[i]);
            if (biases != nullptr) biases[i] += g;
            products = fmaf(m, n, products);
            sum += m;
        }
        if (dx == nullptr) continue;
        products = row_sum(products) / width;
        sum = mean != nullptr ? row_sum(sum) / width : 0.0f;
        for (int i = threadIdx.x; i < width; i += blockDim.x) {
            const float n = (x.get(first + i) - average) * scale;
            dx[first + i] = scale * fmaf(-n, products, gradients[first + i] * weight.get(i) - sum);
        }
    }
}

// out += the column sums of the partial sums [groups, width], in a fixed tree: 8 chains per column, then a tree over the chains.
extern "C" __global__ void norm_weight_gradient(float* out, const float* partial, int groups, int width) {
    __shared__ float chains[8][32];
    const int column = blockIdx.x * 32 + threadIdx.x;
    float sum = 0;
    if (column < width) {
        for (int i = threadIdx.y; i < groups; i += 8) sum += partial[static_cast<long long>(i) * width + column];
    }
    chains[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y == 0 && column < width) {
        float total[8];
#pragma unroll
        for (int i = 0; i < 8; i++) total[i] = chains[i][threadIdx.x];
#pragma unroll
        for (int step = 1; step < 8; step *= 2) {
#pragma unroll
            for (int i = 0; i < 8; i += 2 * step) total[i] += total[i + step];
        }
        out[column] += total[0];
    }
}

// Fused residual addition: stores sum = x + branch and normalizes the sum from registers. Threads divide a row as the F32 norms do, so that results
// are bit-identical to two separate kernels; a BF16 branch is read in accesses of 8 bytes beside 16 of x.
template <typename B> struct Sum {
    using type = float;
    float* sum;
    const float* x;
    const B* branch;

    __device__ __forceinline__ void load_row(Part<float>& values, long long row, int width) const {
        using Row = Part<float>;
        values.load_row(x + row * width, width);
        B added[Row::VECTORS][Row::V];
#pragma unroll
        for (int i = 0; i < Row::VECTORS; i++) {
            if (Row::column(i) < width) {
                load(branch + row * width + Row::column(i), added[i]);
            } else {
#pragma unroll
                for (int k = 0; k < Row::V; k++) added[i][k] = narrow<B>(0.0f);
            }
        }
#pragma unroll
        for (int i = 0; i < Row::VECTORS; i++) {
#pragma unroll
            for (int k = 0; k < Row::V; k++) values.at[i][k] += widen(added[i][k]);
            if (Row::column(i) < width) store(sum + row * width + Row::column(i), values.at[i]);
        }
    }
};

#define ADD_FORWARD_TO(SUFFIX, BRANCH, OUT) \
    extern "C" __global__ void __launch_bounds__(FORWARD_THREADS) add_rms_norm_##SUFFIX(OUT* out, float* rstd, float* sum, const float* x, \
            const BRANCH* branch, Floats weight, long long rows, int width, float epsilon) { \
        rms_norm(out, rstd, Sum<BRANCH>{sum, x, branch}, weight, rows, width, epsilon); \
    } \
    extern "C" __global__ void __launch_bounds__(FORWARD_THREADS) add_layer_norm_##SUFFIX(OUT* out, float* mean, float* rstd, float* sum, \
            const float* x, const BRANCH* branch, Floats weight, Floats bias, long long rows, int width, float epsilon) { \
        layer_norm(out, mean, rstd, Sum<BRANCH>{sum, x, branch}, weight, bias, rows, width, epsilon); \
    }
ADD_FORWARD_TO(f32, float, float)
ADD_FORWARD_TO(bf16, __nv_bfloat16, float)
ADD_FORWARD_TO(f32_to_bf16, float, __nv_bfloat16)
ADD_FORWARD_TO(bf16_to_bf16, __nv_bfloat16, __nv_bfloat16)
