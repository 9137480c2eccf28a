// Least squares in f64: rows widened to f64, the diagonal blocks of a Cholesky factorisation G = U^T U and of triangular solutions, and what surrounds
// them. Everything else is matrix products of cuBLAS. Matrices are row-major, with a stride between rows.
#include "common.cuh"

namespace {

constexpr int BLOCK = 64;  // Most rows of a triangle.
constexpr int THREADS = 256, WARPS = THREADS / 32;

// Sum over a block of THREADS threads in a fixed tree; the first thread receives it.
__device__ __forceinline__ double block_total(double x) {
    __shared__ double partial[WARPS];
    const int lane = threadIdx.x & 31;
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) x += __shfl_xor_sync(ALL_LANES, x, distance);
    if (lane == 0) partial[threadIdx.x >> 5] = x;
    __syncthreads();
    double total = 0.0;
    if (threadIdx.x == 0) {
#pragma unroll
        for (int warp = 0; warp < WARPS; warp++) total += partial[warp];
    }
    return total;
}

// The column of a matrix of some width that is selected as one of fewer, evenly spaced columns.
__device__ __forceinline__ long long channel(int selected, int width, int channels) { return (long long)selected * width / channels; }

// Solves U^T X = B, or U X = B, in the place of B, for 32 columns of B. A thread has up to eight rows of a column in registers. Each step divides one
// row by its pivot and subtracts its share from the rows that are still to be solved; fused multiply-adds, in the order of the solved rows.
template <bool UPPER>
__device__ __forceinline__ void solve(const double* u, long long u_stride, int size, double* b, long long b_stride, long long columns) {
    constexpr int ROWS = BLOCK / WARPS;
    __shared__ double triangle[BLOCK * BLOCK], solved[2][32];
    for (int at = threadIdx.x; at < BLOCK * BLOCK; at += THREADS) {
        const int i = at / BLOCK, j = at % BLOCK;
        triangle[at] = i <= j && j < size ? u[i * u_stride + j] : 0.0;
    }
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    const long long column = blockIdx.x * 32LL + lane;
    double x[ROWS];
#pragma unroll
    for (int q = 0; q < ROWS; q++) {
        const int row = warp + WARPS * q;
        x[q] = row < size && column < columns ? b[row * b_stride + column] : 0.0;
    }
    __syncthreads();
#pragma unroll 1
    for (int step = 0; step < size; step++) {
        const int i = UPPER ? size - 1 - step : step;
        if (warp == i % WARPS) {
            double value = 0.0;
#pragma unroll
            for (int q = 0; q < ROWS; q++) value = q == i / WARPS ? x[q] : value;
            value = __ddiv_rn(value, triangle[i * BLOCK + i]);
#pragma unroll
            for (int q = 0; q < ROWS; q++) x[q] = q == i / WARPS ? value : x[q];
            solved[step & 1][lane] = value;
        }
        // The other half of solved is not overwritten before all have passed this barrier.
        __syncthreads();
        const double value = solved[step & 1][lane];
#pragma unroll
        for (int q = 0; q < ROWS; q++) {
            const int row = warp + WARPS * q;
            if (UPPER ? row < i : row > i) x[q] = fma(-triangle[UPPER ? row * BLOCK + i : i * BLOCK + row], value, x[q]);
        }
    }
#pragma unroll
    for (int q = 0; q < ROWS; q++) {
        const int row = warp + WARPS * q;
        if (row < size && column < columns) b[row * b_stride + column] = x[q];
    }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(THREADS) widen_rows_f32(const float* x, double* out, long long count) {
#pragma unroll 1
    for (long long i = blockIdx.x * (long long)THREADS + threadIdx.x; i < count; i += gridDim.x * (long long)THREADS) out[i] = (double)x[i];
}

extern "C" __global__ void __launch_bounds__(THREADS) fill_f64(double* out, double value, long long count) {
#pragma unroll 1
    for (long long i = blockIdx.x * (long long)THREADS + threadIdx.x; i < count; i += gridDim.x * (long long)THREADS) out[i] = value;
}

// Some channels of each row: count is rows times channels.
extern "C" __global__ void __launch_bounds__(THREADS) select_channels_f64(const double* x, double* out, long long count, int width, int channels) {
#pragma unroll 1
    for (long long i = blockIdx.x * (long long)THREADS + threadIdx.x; i < count; i += gridDim.x * (long long)THREADS)
        out[i] = x[i / channels * width + channel((int)(i % channels), width, channels)];
}

// Some channels of each row of d, and of d + y.
extern "C" __global__ void __launch_bounds__(THREADS) select_rows_f32(
        const float* y, const float* d, double* of_d, double* of_sum, long long count, int width, int channels) {
#pragma unroll 1
    for (long long i = blockIdx.x * (long long)THREADS + threadIdx.x; i < count; i += gridDim.x * (long long)THREADS) {
        const long long at = i / channels * width + channel((int)(i % channels), width, channels);
        of_d[i] = (double)d[at];
        of_sum[i] = __dadd_rn((double)d[at], (double)y[at]);
    }
}

// The sum of squares of each chunk, one per block.
extern "C" __global__ void __launch_bounds__(THREADS) squares_of_chunks_f64(const double* x, double* sums, long long count, int chunk) {
    const long long first = blockIdx.x * (long long)chunk, end = first + chunk < count ? first + chunk : count;
    double sum = 0.0;
#pragma unroll 1
    for (long long i = first + threadIdx.x; i < end; i += THREADS) sum = fma(x[i], x[i], sum);
    sum = block_total(sum);
    if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// Adds the numbers at a stride to the total, by one block.
extern "C" __global__ void __launch_bounds__(THREADS) add_to_total_f64(const double* x, double* total, long long count, long long stride) {
    double sum = 0.0;
#pragma unroll 1
    for (long long i = threadIdx.x; i < count; i += THREADS) sum += x[i * stride];
    sum = block_total(sum);
    if (threadIdx.x == 0) *total += sum;
}

extern "C" __global__ void __launch_bounds__(THREADS) shift_diagonal_f64(double* g, double shift, long long count, long long stride) {
    const long long i = blockIdx.x * (long long)THREADS + threadIdx.x;
    if (i < count) g[i * (stride + 1)] += shift;
}

// Factors a diagonal block in place, by one block; elements left of the diagonal are neither read nor written. The first failure of a factorisation
// is stored as the row's number from 1 on and the square of its pivot; the block is then left as it was.
extern "C" __global__ void __launch_bounds__(THREADS) cholesky_block_f64(double* g, long long stride, int size, int row, double* failure) {
    __shared__ double u[BLOCK * BLOCK];
    constexpr int PARTS = THREADS / BLOCK;
    const int column = threadIdx.x % BLOCK, part = threadIdx.x / BLOCK;
#pragma unroll 1
    for (int i = part; i < size; i += PARTS)
        if (column >= i && column < size) u[i * BLOCK + column] = g[i * stride + column];
    __syncthreads();
#pragma unroll 1
    for (int k = 0; k < size; k++) {
        const double square = u[k * BLOCK + k];
        if (!(square > 0.0) || isinf(square)) {
            if (threadIdx.x == 0 && failure[0] == 0.0) {
                failure[0] = row + k + 1;
                failure[1] = square;
            }
            return;
        }
        const double pivot = __dsqrt_rn(square);
        __syncthreads();
        if (part == 0 && column >= k && column < size) u[k * BLOCK + column] = column == k ? pivot : __ddiv_rn(u[k * BLOCK + column], pivot);
        __syncthreads();
#pragma unroll 1
        for (int i = k + 1 + part; i < size; i += PARTS)
            if (column >= i && column < size)
                u[i * BLOCK + column] = fma(-u[k * BLOCK + i], u[k * BLOCK + column], u[i * BLOCK + column]);
        __syncthreads();
    }
#pragma unroll 1
    for (int i = part; i < size; i += PARTS)
        if (column >= i && column < size) g[i * stride + column] = u[i * BLOCK + column];
}

extern "C" __global__ void __launch_bounds__(THREADS) solve_transposed_f64(
        const double* u, long long u_stride, int size, double* b, long long b_stride, long long columns) {
    solve<false>(u, u_stride, size, b, b_stride, columns);
}

extern "C" __global__ void __launch_bounds__(THREADS) solve_upper_f64(
        const double* u, long long u_stride, int size, double* b, long long b_stride, long long columns) {
    solve<true>(u, u_stride, size, b, b_stride, columns);
}

// Rounds the transpose of a square matrix to f32, by tiles of 32 x 32.
extern "C" __global__ void __launch_bounds__(THREADS) round_transposed_f64(const double* x, float* out, long long size) {
    __shared__ double tile[32][33];
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    const long long rows = blockIdx.y * 32LL, columns = blockIdx.x * 32LL;
#pragma unroll
    for (int i = warp; i < 32; i += WARPS)
        if (rows + i < size && columns + lane < size) tile[i][lane] = x[(rows + i) * size + columns + lane];
    __syncthreads();
#pragma unroll
    for (int i = warp; i < 32; i += WARPS)
        if (columns + i < size && rows + lane < size) out[(columns + i) * size + rows + lane] = (float)tile[lane][i];
}
