// Causal grouped-query attention for any head dimension, floating type and strides, in f32 arithmetic: forward, delta, dq, dk and dv.
//
// A warp owns ROWS rows (queries; keys for dk and dv). Tiles of LANES rows of the other side are staged in shared memory: a lane computes the warp's
// scores with one row of the tile, then the lanes divide the D columns of the products. A warp's accumulators are in shared memory, each element
// accessed by one lane only. Tiles start at the first row for every warp, so that results do not depend on how rows are divided among blocks.
#include "heads.cuh"
#include "vectors.cuh"

constexpr int ROWS = 4, LANES = 32;

extern __shared__ __align__(16) float shared[];

// Shared memory of a block: the warps' own rows, then the tile, then the warps' probabilities.
struct Block {
    int width, pitch, rows, row, lane;
    float* tile;          // [LANES][pitch]
    float* probabilities; // [ROWS][LANES] of this warp

    // owned: number of arrays [rows][width].
    __device__ Block(int width, int owned)
        : width(width), pitch(width | 1), rows(blockDim.x / LANES * ROWS), row(threadIdx.x / LANES * ROWS), lane(threadIdx.x % LANES) {
        tile = shared + owned * rows * width;
        probabilities = tile + LANES * pitch + row * LANES;
    }

    // This warp's rows of array n.
    __device__ float* own(int n) const { return shared + (n * rows + row) * width; }

    // Loads this warp's rows of an array; rows beyond the end are zero.
    template <typename T> __device__ void load_own(int n, const T* from, long long stride, int first, int end) const {
#pragma unroll 1
        for (int r = 0; r < ROWS; r++) {
            const int t = first + row + r;
#pragma unroll 1
            for (int d = lane; d < width; d += LANES) own(n)[r * width + d] = t < end ? widen(from[t * stride + d]) : 0.0f;
        }
        __syncwarp();
    }

    __device__ void clear_own(int n) const {
#pragma unroll 1
        for (int i = lane; i < ROWS * width; i += LANES) own(n)[i] = 0.0f;
        __syncwarp();
    }

    // Loads the tile once all warps have finished with the previous one; rows beyond the end are zero.
    template <typename T> __device__ void load_tile(const T* from, long long stride, int first, int end) const {
        __syncthreads();
#pragma unroll 1
        for (int r = threadIdx.x / LANES; r < LANES; r += blockDim.x / LANES) {
            const int t = first + r;
#pragma unroll 2
            for (int d = lane; d < width; d += LANES) tile[r * pitch + d] = t < end ? widen(from[t * stride + d]) : 0.0f;
        }
        __syncthreads();
    }

    // products[r] = own row r . this lane's row of the tile.
    __device__ void dot(int n, float (&products)[ROWS]) const {
        const float* a = own(n);
        for (int r = 0; r < ROWS; r++) products[r] = 0.0f;
#pragma unroll 4
        for (int d = 0; d < width; d++) {
            const float b = tile[lane * pitch + d];
#pragma unroll
            for (int r = 0; r < ROWS; r++) products[r] = fmaf(a[r * width + d], b, products[r]);
        }
    }

    // own row r = factors[r] * own row r + sum over the tile's rows j of p[r] of lane j * row j.
    __device__ void accumulate(int n, const float (&factors)[ROWS], const float (&p)[ROWS]) const {
        __syncwarp();
#pragma unroll
        for (int r = 0; r < ROWS; r++) probabilities[r * LANES + lane] = p[r];
        __syncwarp();
        float* sums = own(n);
#pragma unroll 1
        for (int d = lane; d < width; d += LANES) {
            float sum[ROWS];
#pragma unroll
            for (int r = 0; r < ROWS; r++) sum[r] = factors[r] * sums[r * width + d];
#pragma unroll 4
            for (int j = 0; j < LANES; j++) {
                const float b = tile[j * pitch + d];
#pragma unroll
                for (int r = 0; r < ROWS; r++) sum[r] = fmaf(probabilities[r * LANES + j], b, sum[r]);
            }
#pragma unroll
            for (int r = 0; r < ROWS; r++) sums[r * width + d] = sum[r];
        }
    }
};

__device__ constexpr float ONES[ROWS] = {1.0f, 1.0f, 1.0f, 1.0f};

template <typename T>
__device__ __forceinline__ void forward(const T* q, Strides qs, const T* k, Strides ks, const T* v, Strides vs, T* out, float* log_sum_exp,
        AttentionSizes z, int width, float scale) {
    const Block block(width, 2);
    const int first = (gridDim.x - 1 - blockIdx.x) * block.rows; // blocks with the most keys are scheduled first
    const int head = blockIdx.y, group = head / (z.heads / z.groups);
    const int shift = z.keys - z.queries;
    const int seen = min(z.keys, shift + first + block.rows);
    q += blockIdx.z * qs.batch + head * qs.head;
    k += blockIdx.z * ks.batch + group * ks.head;
    v += blockIdx.z * vs.batch + group * vs.head;
    block.load_own(0, q, qs.token, first, z.queries);
    block.clear_own(1);
    float max[ROWS], sum[ROWS], factor[ROWS], p[ROWS];
    for (int r = 0; r < ROWS; r++) max[r] = -INFINITY, sum[r] = 0.0f;
    for (int key = 0; key < seen; key += LANES) {
        block.load_tile(k, ks.token, key, z.keys);
        block.dot(0, p);
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            // Every query attends to key 0, so the maximum is finite from the first tile on.
            const float score = key + block.lane <= shift + first + block.row + r ? scale * p[r] : -INFINITY;
            const float larger = fmaxf(max[r], warp_max(score));
            factor[r] = expf(max[r] - larger);
            max[r] = larger;
            p[r] = expf(score - larger);
            sum[r] = fmaf(factor[r], sum[r], warp_sum(p[r]));
        }
        block.load_tile(v, vs.token, key, z.keys);
        block.accumulate(1, factor, p);
    }
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        const int t = first + block.row + r;
        if (t >= z.queries) break;
        T* to = out + ((blockIdx.z * (long long)z.queries + t) * z.heads + head) * width;
#pragma unroll 1
        for (int d = block.lane; d < width; d += LANES) to[d] = narrow<T>(block.own(1)[r * width + d] / sum[r]);
        if (block.lane == 0) log_sum_exp[(blockIdx.z * (long long)z.heads + head) * z.queries + t] = max[r] + logf(sum[r]);
    }
}

// delta[batch, head, t] = gradient . out. One warp per token and head, batch * queries * heads in all.
template <typename T>
__device__ __forceinline__ void gradient_dot_out(const float* gradient, const T* out, float* delta, long long rows, int queries, int heads,
        int width) {
    const long long row = (blockIdx.x * (long long)blockDim.x + threadIdx.x) / LANES;
    const int lane = threadIdx.x % LANES;
    if (row >= rows) return;
    float sum = 0.0f;
    for (int d = lane; d < width; d += LANES) sum = fmaf(gradient[row * width + d], widen(out[row * width + d]), sum);
    sum = warp_sum(sum);
    const long long token = row / heads, head = row - token * heads, batch = token / queries;
    if (lane == 0) delta[(batch * heads + head) * queries + token - batch * queries] = sum;
}

// ds = p (dp - delta) with p = e^(scale q . k - logSumExp) and dp = gradient . v; dq = scale sum ds k.
template <typename T>
__device__ __forceinline__ void query_gradient(const float* gradient, const T* q, Strides qs, const T* k, Strides ks, const T* v, Strides vs,
        const float* log_sum_exp, const float* delta, float* dq, AttentionSizes z, int width, float scale) {
    const Block block(width, 3);
    const int first = (gridDim.x - 1 - blockIdx.x) * block.rows;
    const int head = blockIdx.y, group = head / (z.heads / z.groups);
    const int shift = z.keys - z.queries;
    const int seen = min(z.keys, shift + first + block.rows);
    const long long stride = (long long)z.heads * width, start = blockIdx.z * (long long)z.queries * stride + head * (long long)width;
    const long long statistics = (blockIdx.z * (long long)z.heads + head) * z.queries;
    q += blockIdx.z * qs.batch + head * qs.head;
    k += blockIdx.z * ks.batch + group * ks.head;
    v += blockIdx.z * vs.batch + group * vs.head;
    block.load_own(0, q, qs.token, first, z.queries);
    block.load_own(1, gradient + start, stride, first, z.queries);
    block.clear_own(2);
    float lse[ROWS], d[ROWS], p[ROWS], dp[ROWS];
    for (int r = 0; r < ROWS; r++) {
        const int t = first + block.row + r;
        lse[r] = t < z.queries ? log_sum_exp[statistics + t] : INFINITY;
        d[r] = t < z.queries ? delta[statistics + t] : 0.0f;
    }
    for (int key = 0; key < seen; key += LANES) {
        block.load_tile(v, vs.token, key, z.keys);
        block.dot(1, dp);
        block.load_tile(k, ks.token, key, z.keys);
        block.dot(0, p);
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            const bool visible = key + block.lane <= shift + first + block.row + r;
            p[r] = visible ? expf(scale * p[r] - lse[r]) * (dp[r] - d[r]) : 0.0f;
        }
        block.accumulate(2, ONES, p);
    }
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        const int t = first + block.row + r;
        if (t >= z.queries) break;
#pragma unroll 1
        for (int i = block.lane; i < width; i += LANES) dq[start + t * stride + i] = scale * block.own(2)[r * width + i];
    }
}

// dv = sum p gradient, dk = scale sum ds q, over the query heads that share the key, in order, and over the queries that attend to it.
template <typename T>
__device__ __forceinline__ void key_gradient(const float* gradient, const T* q, Strides qs, const T* k, Strides ks, const T* v, Strides vs,
        const float* log_sum_exp, const float* delta, float* dk, float* dv, AttentionSizes z, int width, float scale) {
    const Block block(width, 4);
    const int first = blockIdx.x * block.rows; // blocks with the most queries are scheduled first
    const int group = blockIdx.y, heads = z.heads / z.groups;
    const int shift = z.keys - z.queries;
    const int start = max(0, first - shift) / LANES * LANES;
    block.load_own(0, k + blockIdx.z * ks.batch + group * ks.head, ks.token, first, z.keys);
    block.load_own(1, v + blockIdx.z * vs.batch + group * vs.head, vs.token, first, z.keys);
    block.clear_own(2);
    block.clear_own(3);
    for (int head = group * heads; head < (group + 1) * heads; head++) {
        const T* queries = q + blockIdx.z * qs.batch + head * qs.head;
        const long long stride = (long long)z.heads * width;
        const float* gradients = gradient + blockIdx.z * (long long)z.queries * stride + head * (long long)width;
        const long long statistics = (blockIdx.z * (long long)z.heads + head) * z.queries;
        for (int query = start; query < z.queries; query += LANES) {
            const int t = query + block.lane;
            const float lse = t < z.queries ? log_sum_exp[statistics + t] : INFINITY;
            const float d = t < z.queries ? delta[statistics + t] : 0.0f;
            float p[ROWS], ds[ROWS];
            block.load_tile(queries, qs.token, query, z.queries);
            block.dot(0, p);
            block.load_tile(gradients, stride, query, z.queries);
            block.dot(1, ds);
#pragma unroll
            for (int r = 0; r < ROWS; r++) {
                const bool visible = first + block.row + r <= shift + t;
                p[r] = visible ? expf(scale * p[r] - lse) : 0.0f;
                ds[r] = p[r] * (ds[r] - d);
            }
            block.accumulate(3, ONES, p);
            block.load_tile(queries, qs.token, query, z.queries);
            block.accumulate(2, ONES, ds);
        }
    }
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        const int t = first + block.row + r;
        if (t >= z.keys) break;
        const long long to = ((blockIdx.z * (long long)z.keys + t) * z.groups + group) * width;
#pragma unroll 1
        for (int i = block.lane; i < width; i += LANES) {
            dk[to + i] = scale * block.own(2)[r * width + i];
            dv[to + i] = block.own(3)[r * width + i];
        }
    }
}

// A block has whole warps and at most 256 threads.
#define OPERANDS(T) const T *q, Strides qs, const T *k, Strides ks, const T *v, Strides vs
#define SIZES int queries, int keys, int heads, int groups, int width, float scale
#define ATTENTION(T, DTYPE)                                                                                                                      \
    extern "C" __global__ void __launch_bounds__(256) attention_generic_##DTYPE(OPERANDS(T), T* out, float* log_sum_exp, SIZES) {                \
        forward(q, qs, k, ks, v, vs, out, log_sum_exp, {queries, keys, heads, groups}, width, scale);                                            \
    }                                                                                                                                            \
    extern "C" __global__ void __launch_bounds__(256) attention_delta_generic_##DTYPE(const float* gradient, const T* out, float* delta,         \
            long long rows, int queries, int heads, int width) {                                                                                 \
        gradient_dot_out(gradient, out, delta, rows, queries, heads, width);                                                                     \
    }                                                                                                                                            \
    extern "C" __global__ void __launch_bounds__(256) attention_dq_generic_##DTYPE(OPERANDS(T), const float* gradient,                           \
            const float* log_sum_exp, const float* delta, float* dq, SIZES) {                                                                    \
        query_gradient(gradient, q, qs, k, ks, v, vs, log_sum_exp, delta, dq, {queries, keys, heads, groups}, width, scale);                     \
    }                                                                                                                                            \
    extern "C" __global__ void __launch_bounds__(256, 2) attention_dkv_generic_##DTYPE(OPERANDS(T), const float* gradient,                       \
            const float* log_sum_exp, const float* delta, float* dk, float* dv, SIZES) {                                                         \
        key_gradient(gradient, q, qs, k, ks, v, vs, log_sum_exp, delta, dk, dv, {queries, keys, heads, groups}, width, scale);                   \
    }

ATTENTION(float, f32)
ATTENTION(__nv_bfloat16, bf16)
ATTENTION(__half, f16)
