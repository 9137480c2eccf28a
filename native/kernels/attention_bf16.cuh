// Causal grouped-query attention on tensor cores with bf16 operands and f32 accumulation, after FlashAttention-2 (Dao 2023, arXiv 2307.08691).
//
// Forward: a block owns 128 queries of a head, 32 per warp, and iterates over the keys they attend to in tiles of 64 from the first key on, so that a
// query's result does not depend on the other queries of its block. Scores, probabilities and output stay in registers. Keys and values alternate in
// shared memory; each is copied while the other is used:
//
//     wait for keys n | copy values n | s = q k^T | wait for values n | softmax | copy keys n + 1 | out += p v
//
// Each head dimension is a separate module, because the driver compiles a whole module when its first kernel is loaded.
#pragma once
#include "heads.cuh"
#include "tensor_cores.cuh"

constexpr int STEP = 64; // rows of the other side per iteration
constexpr float LOG2_E = 1.4426950408889634f;

extern __shared__ __align__(256) unsigned char tiles[];

// c[m][n] += a b^T: a has MS x 16 rows of D of one tile, b the STEP rows of another.
template <int D, int MS> __device__ __forceinline__ void multiply_rows(float (&c)[MS][STEP / 8][4], unsigned a_address, unsigned b_address) {
    here(a_address);
    here(b_address);
#pragma unroll
    for (int d = 0; d < D / 16; d++) {
        unsigned a[MS][4], b[4];
#pragma unroll
        for (int m = 0; m < MS; m++) load_fragment(a[m], Tile<D>::advance(a_address, 2 * d) + m * 16 * Tile<D>::PITCH);
#pragma unroll
        for (int n = 0; n < STEP / 16; n++) {
            load_fragment(b, Tile<D>::advance(b_address, 2 * d) + n * 16 * Tile<D>::PITCH);
#pragma unroll
            for (int m = 0; m < MS; m++) {
                multiply(c[m][2 * n], a[m], b[0], b[1]);
                multiply(c[m][2 * n + 1], a[m], b[2], b[3]);
            }
        }
    }
}

// c += a b for 16 of the STEP rows of b and D columns.
template <int D, int MS> __device__ __forceinline__ void multiply_columns(float (&c)[MS][D / 8][4], const unsigned (&a)[MS][4], unsigned b_address) {
    here(b_address);
#pragma unroll
    for (int d = 0; d < D / 16; d++) {
        unsigned b[4];
        load_transposed(b, Tile<D>::advance(b_address, 2 * d));
#pragma unroll
        for (int m = 0; m < MS; m++) {
            multiply(c[m][2 * d], a[m], b[0], b[1]);
            multiply(c[m][2 * d + 1], a[m], b[2], b[3]);
        }
    }
}

template <int N> __device__ __forceinline__ void clear(float (&c)[N][4]) {
#pragma unroll
    for (int n = 0; n < N; n++) c[n][0] = c[n][1] = c[n][2] = c[n][3] = 0.0f;
}

// ---- Forward ----

template <int D>
__device__ __forceinline__ void forward(const __nv_bfloat16* q, Strides qs, const __nv_bfloat16* k, Strides ks, const __nv_bfloat16* v, Strides vs,
        __nv_bfloat16* out, float* log_sum_exp, AttentionSizes z, float scale) {
    constexpr int THREADS = 128, MS = 2, WARP_ROWS = 16 * MS, ROWS = THREADS / 32 * WARP_ROWS;
    const int lane = threadIdx.x & 31, warp_row = threadIdx.x / 32 * WARP_ROWS;
    const int first = (gridDim.x - 1 - blockIdx.x) * ROWS; // blocks with the most keys are scheduled first
    const int head = blockIdx.y, group = head / (z.heads / z.groups);
    const int shift = z.keys - z.queries;
    const int seen = min(z.keys, shift + first + ROWS);
    // The last key that the warp's first query attends to.
    const int seen_by_warp = shift + first + warp_row;
    q += blockIdx.z * qs.batch + head * qs.head;
    k += blockIdx.z * ks.batch + group * ks.head;
    v += blockIdx.z * vs.batch + group * vs.head;

    const unsigned q_tile = shared_address(tiles), k_tile = q_tile + ROWS * Tile<D>::PITCH, v_tile = k_tile + STEP * Tile<D>::PITCH;
    const unsigned q_fragments = along_rows<D>(q_tile, warp_row), k_fragments = across_rows<D>(k_tile, 0), v_fragments = along_rows<D>(v_tile, 0);
    copy_tile<D, ROWS, THREADS>(q_tile, q + first * qs.token, qs.token, z.queries - first);
    copy_tile<D, STEP, THREADS>(k_tile, k, ks.token, z.keys);
    commit_copies();

    float sums[MS][D / 8][4], max[MS][2], total[MS][2]; // max and total per row: g and g + 8 of each 16
#pragma unroll
    for (int m = 0; m < MS; m++) {
        clear(sums[m]);
        max[m][0] = max[m][1] = -INFINITY;
        total[m][0] = total[m][1] = 0.0f;
    }
    const float factor = scale * LOG2_E;

#pragma unroll 1
    for (int key = 0; key < seen; key += STEP) {
        float s[MS][STEP / 8][4];
        wait_for_copies();
        __syncthreads();
        copy_tile<D, STEP, THREADS>(v_tile, v + key * vs.token, vs.token, z.keys - key);
        commit_copies();
#pragma unroll
        for (int m = 0; m < MS; m++) clear(s[m]);
        multiply_rows<D, MS>(s, q_fragments, k_fragments);
        if (key + STEP - 1 > seen_by_warp) {
            // The lane's first element is column 2t of row g; sight is the distance from there to the last unmasked column of row g.
            const int sight = seen_by_warp + lane / 4 - key - lane % 4 * 2;
#pragma unroll
            for (int i = 0; i < MS * STEP / 2; i++) {
                const int m = i / (STEP / 2), n = i / 4 % (STEP / 8), e = i % 4;
                if (n * 8 + e % 2 - m * 16 - e / 2 * 8 > sight) s[m][n][e] = -INFINITY;
            }
        }
        wait_for_copies();
        __syncthreads();
#pragma unroll
        for (int m = 0; m < MS; m++) {
#pragma unroll
            for (int half = 0; half < 2; half++) {
                float larger = max[m][half];
#pragma unroll
                for (int n = 0; n < STEP / 8; n++) larger = fmaxf(larger, fmaxf(s[m][n][2 * half], s[m][n][2 * half + 1]));
                // Every query attends to key 0, so the maximum is finite from the first iteration on.
                larger = row_max(larger);
                const float rescale = exp2_approximate((max[m][half] - larger) * factor), offset = larger * factor;
                max[m][half] = larger;
#pragma unroll
                for (int n = 0; n < D / 8; n++) sums[m][n][2 * half] *= rescale, sums[m][n][2 * half + 1] *= rescale;
#pragma unroll
                for (int n = 0; n < STEP / 8; n++) {
#pragma unroll
                    for (int e = 2 * half; e < 2 * half + 2; e++) {
                        s[m][n][e] = exp2_approximate(fmaf(s[m][n][e], factor, -offset));
                        // The first addition also rescales the total.
                        total[m][half] = n == 0 && e == 2 * half ? fmaf(total[m][half], rescale, s[m][n][e]) : total[m][half] + s[m][n][e];
                    }
                }
            }
        }
        // The copy starts only here, because its addresses would need registers while the scores are live.
        if (key + STEP < seen) copy_tile<D, STEP, THREADS>(k_tile, k + (key + STEP) * ks.token, ks.token, z.keys - key - STEP);
        commit_copies();
#pragma unroll
        for (int n = 0; n < STEP / 16; n++) {
            unsigned p[MS][4];
#pragma unroll
            for (int m = 0; m < MS; m++) pack_fragment(p[m], s[m][2 * n], s[m][2 * n + 1]);
            multiply_columns<D, MS>(sums, p, v_fragments + n * 16 * Tile<D>::PITCH);
        }
    }

    // Epilogue: the warp's rows of the q tile are free now; the result is staged in them, to be stored in vectors of 16 bytes.
    unsigned char* const rows = tiles;
    log_sum_exp += (blockIdx.z * (long long)z.heads + head) * z.queries;
#pragma unroll
    for (int m = 0; m < MS; m++) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const int row = warp_row + m * 16 + half * 8 + lane / 4;
            const float sum = row_sum(total[m][half]), inverse = 1.0f / sum;
            if (lane % 4 == 0 && first + row < z.queries) log_sum_exp[first + row] = fmaf(max[m][half], scale, logf(sum));
#pragma unroll
            for (int n = 0; n < D / 8; n++) {
                *reinterpret_cast<unsigned*>(rows + Tile<D>::offset(row, n) + lane % 4 * 4) =
                        pack(sums[m][n][2 * half] * inverse, sums[m][n][2 * half + 1] * inverse);
            }
        }
    }
    __syncwarp();
    out += ((blockIdx.z * (long long)z.queries + first) * z.heads + head) * D;
#pragma unroll
    for (int i = lane; i < WARP_ROWS * Tile<D>::CHUNKS; i += 32) {
        const int row = warp_row + i / Tile<D>::CHUNKS, chunk = i % Tile<D>::CHUNKS;
        if (first + row < z.queries) {
            *reinterpret_cast<uint4*>(out + row * ((long long)z.heads * D) + chunk * 8) =
                    *reinterpret_cast<const uint4*>(rows + Tile<D>::offset(row, chunk));
        }
    }
}

// ---- Backward ----

// Operands of the backward pass beside q, k and v: the gradient of out in bf16 and delta = gradient . out, both computed by gradient_dot_out, and the
// log-sum-exp of the forward pass.
struct Backward {
    const __nv_bfloat16* gradient; // [batch, queries, heads, D]
    const float *log_sum_exp, *delta; // [batch, heads, queries]
};

__device__ __forceinline__ float dot_of_two(unsigned a, unsigned b) {
    return fmaf(__uint_as_float(a << 16), __uint_as_float(b << 16), __uint_as_float(a & 0xffff0000u) * __uint_as_float(b & 0xffff0000u));
}

// delta[batch, head, t] = gradient . out, and the gradient rounded to bf16. One warp per token and head, four elements per lane.
template <int D>
__device__ __forceinline__ void gradient_dot_out(const float* gradient, const __nv_bfloat16* out, __nv_bfloat16* rounded, float* delta,
        long long rows, int queries, int heads) {
    const long long row = (blockIdx.x * (long long)blockDim.x + threadIdx.x) / 32;
    const int d = threadIdx.x % 32 * 4;
    if (row >= rows) return;
    float sum = 0.0f;
    if (d < D) {
        const float4 g = *reinterpret_cast<const float4*>(gradient + row * D + d);
        const uint2 o = *reinterpret_cast<const uint2*>(out + row * D + d);
        // delta is computed from the rounded gradient, as dp is, so that their common part cancels in dp - delta.
        const unsigned low = pack(g.x, g.y), high = pack(g.z, g.w);
        sum = dot_of_two(low, o.x) + dot_of_two(high, o.y);
        *reinterpret_cast<uint2*>(rounded + row * D + d) = make_uint2(low, high);
    }
    sum = warp_sum(sum);
    const long long token = row / heads, head = row - token * heads, batch = token / queries;
    if (d == 0) delta[(batch * heads + head) * queries + token - batch * queries] = sum;
}

// Shared memory of a backward block of WARPS x 16 rows: two tiles of its own rows; two stages of two tiles of STEP rows of the other side, so that
// one stage is copied while the other is used; and log-sum-exp and delta of the rows of the stages where these are queries.
template <int D, int WARPS> struct Room {
    static constexpr int ROWS = WARPS * 16, OWN = ROWS * Tile<D>::PITCH, STAGE = STEP * Tile<D>::PITCH;
    static constexpr int FIRST_STAGE = 2 * OWN, STATISTICS = FIRST_STAGE + 4 * STAGE;
};

// dk and dv: a block owns WARPS x 16 keys, 16 per warp, and iterates over the query heads that share them and over the queries that attend to them.
// With keys as rows, p^T and ds^T stay in registers:
//     p^T = e^(scale k q^T - lse),  dp^T = v g^T,  ds^T = p^T (dp^T - delta),  dv += p^T g,  dk += ds^T q
template <int D, int WARPS>
__device__ __forceinline__ void key_gradient(const __nv_bfloat16* q, Strides qs, const __nv_bfloat16* k, Strides ks, const __nv_bfloat16* v,
        Strides vs, Backward backward, float* dk, float* dv, AttentionSizes z, float scale) {
    using Room = Room<D, WARPS>;
    constexpr int THREADS = WARPS * 32;
    const int lane = threadIdx.x & 31, warp_row = threadIdx.x / 32 * 16;
    const int first = blockIdx.x * Room::ROWS; // blocks with the most queries are scheduled first
    const int group = blockIdx.y, heads = z.heads / z.groups;
    const int shift = z.keys - z.queries;
    const int start = max(0, first - shift) / STEP * STEP; // the first query that attends to a key of the block, rounded down
    const long long stride = (long long)z.heads * D;

    const unsigned memory = shared_address(tiles);
    const unsigned k_fragments = along_rows<D>(memory, warp_row), v_fragments = k_fragments + Room::OWN;
    k += blockIdx.z * ks.batch + group * ks.head + first * ks.token;
    v += blockIdx.z * vs.batch + group * vs.head + first * vs.token;
    copy_tile<D, Room::ROWS, THREADS>(memory, k, ks.token, z.keys - first);
    copy_tile<D, Room::ROWS, THREADS>(memory + Room::OWN, v, vs.token, z.keys - first);

    auto load = [&](int head, int query, int stage) {
        const unsigned tile = memory + Room::FIRST_STAGE + stage * 2 * Room::STAGE;
        copy_tile<D, STEP, THREADS>(tile, q + blockIdx.z * qs.batch + head * qs.head + query * qs.token, qs.token, z.queries - query);
        copy_tile<D, STEP, THREADS>(tile + Room::STAGE, backward.gradient + (blockIdx.z * (long long)z.queries + query) * stride + head * D, stride,
                z.queries - query);
        if (threadIdx.x < 2 * STEP) {
            const int t = query + threadIdx.x % STEP;
            const float* statistics = (threadIdx.x < STEP ? backward.log_sum_exp : backward.delta)
                    + (blockIdx.z * (long long)z.heads + head) * z.queries;
            copy_4(memory + Room::STATISTICS + (stage * 2 * STEP + threadIdx.x) * 4, t < z.queries ? statistics + t : statistics,
                    t < z.queries ? 4 : 0);
        }
        commit_copies();
    };

    float dk_sums[1][D / 8][4], dv_sums[1][D / 8][4];
    clear(dk_sums[0]);
    clear(dv_sums[0]);
    const float factor = scale * LOG2_E;
    const int last_head = group * heads + heads - 1;
    int head = group * heads, query = start, stage = 0;
    bool more = query < z.queries;
    if (more) load(head, query, stage);
#pragma unroll 1
    while (more) {
        const int t = query;
        query += STEP;
        if (query >= z.queries) query = start, head++;
        more = head <= last_head;
        wait_for_copies();
        __syncthreads();
        if (more) load(head, query, stage ^ 1);
        const unsigned q_tile = memory + Room::FIRST_STAGE + stage * 2 * Room::STAGE, g_tile = q_tile + Room::STAGE;
        const float* log_sum_exp = reinterpret_cast<const float*>(tiles + Room::STATISTICS) + stage * 2 * STEP + lane % 4 * 2;
        const float* delta = log_sum_exp + STEP;

        // Queries beyond the end, their gradients and their statistics are zero and contribute nothing.
        float p[1][STEP / 8][4], ds[1][STEP / 8][4];
        clear(p[0]);
        clear(ds[0]);
        multiply_rows<D, 1>(p, k_fragments, across_rows<D>(q_tile, 0));
        multiply_rows<D, 1>(ds, v_fragments, across_rows<D>(g_tile, 0));
        // Whether the first query of the tile attends to the warp's last key, so that no score is masked.
        const bool all_visible = first + warp_row + 15 <= shift + t;
        const int sight = shift + t + lane % 4 * 2 - first - warp_row - lane / 4;
        unsigned p_fragments[STEP / 16][1][4], ds_fragments[STEP / 16][1][4];
#pragma unroll
        for (int n = 0; n < STEP / 8; n++) {
            const float2 lse = *reinterpret_cast<const float2*>(log_sum_exp + n * 8), d = *reinterpret_cast<const float2*>(delta + n * 8);
#pragma unroll
            for (int e = 0; e < 4; e++) {
                float x = exp2_approximate(fmaf(p[0][n][e], factor, (e % 2 ? lse.y : lse.x) * -LOG2_E));
                if (!all_visible && e / 2 * 8 > sight + n * 8 + e % 2) x = 0.0f;
                p[0][n][e] = x;
                ds[0][n][e] = x * (ds[0][n][e] - (e % 2 ? d.y : d.x));
            }
        }
#pragma unroll
        for (int n = 0; n < STEP / 16; n++) {
            pack_fragment(p_fragments[n][0], p[0][2 * n], p[0][2 * n + 1]);
            pack_fragment(ds_fragments[n][0], ds[0][2 * n], ds[0][2 * n + 1]);
        }
#pragma unroll
        for (int n = 0; n < STEP / 16; n++) multiply_columns<D, 1>(dv_sums, p_fragments[n], along_rows<D>(g_tile, n * 16));
#pragma unroll
        for (int n = 0; n < STEP / 16; n++) multiply_columns<D, 1>(dk_sums, ds_fragments[n], along_rows<D>(q_tile, n * 16));
        stage ^= 1;
    }
    wait_for_copies();

    const int row = first + warp_row + lane / 4;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        if (row + half * 8 >= z.keys) break;
        const long long to = ((blockIdx.z * (long long)z.keys + row + half * 8) * z.groups + group) * D + lane % 4 * 2;
#pragma unroll
        for (int n = 0; n < D / 8; n++) {
            *reinterpret_cast<float2*>(dk + to + n * 8) = make_float2(scale * dk_sums[0][n][2 * half], scale * dk_sums[0][n][2 * half + 1]);
            *reinterpret_cast<float2*>(dv + to + n * 8) = make_float2(dv_sums[0][n][2 * half], dv_sums[0][n][2 * half + 1]);
        }
    }
}

// dq: a block owns WARPS x 16 queries of a head, 16 per warp, iterates over the keys they attend to, and recomputes p and dp:
//     p = e^(scale q k^T - lse),  dp = g v^T,  ds = p (dp - delta),  dq += ds k
// The backward pass therefore has 7 products. One kernel that adds to dq from every block of keys would have 5, but its atomics would add in an
// undefined order and the results would not be deterministic.
template <int D, int WARPS>
__device__ __forceinline__ void query_gradient(const __nv_bfloat16* q, Strides qs, const __nv_bfloat16* k, Strides ks, const __nv_bfloat16* v,
        Strides vs, Backward backward, float* dq, AttentionSizes z, float scale) {
    using Room = Room<D, WARPS>;
    constexpr int THREADS = WARPS * 32;
    const int lane = threadIdx.x & 31, warp_row = threadIdx.x / 32 * 16;
    const int first = (gridDim.x - 1 - blockIdx.x) * Room::ROWS;
    const int head = blockIdx.y, group = head / (z.heads / z.groups);
    const int shift = z.keys - z.queries;
    const int seen = min(z.keys, shift + first + Room::ROWS);
    const long long stride = (long long)z.heads * D, rows = blockIdx.z * (long long)z.queries + first;

    const unsigned memory = shared_address(tiles);
    const unsigned q_fragments = along_rows<D>(memory, warp_row), g_fragments = q_fragments + Room::OWN;
    k += blockIdx.z * ks.batch + group * ks.head;
    v += blockIdx.z * vs.batch + group * vs.head;
    copy_tile<D, Room::ROWS, THREADS>(memory, q + blockIdx.z * qs.batch + head * qs.head + first * qs.token, qs.token, z.queries - first);
    copy_tile<D, Room::ROWS, THREADS>(memory + Room::OWN, backward.gradient + rows * stride + head * D, stride, z.queries - first);

    auto load = [&](int key, int stage) {
        const unsigned tile = memory + Room::FIRST_STAGE + stage * 2 * Room::STAGE;
        copy_tile<D, STEP, THREADS>(tile, k + key * ks.token, ks.token, z.keys - key);
        copy_tile<D, STEP, THREADS>(tile + Room::STAGE, v + key * vs.token, vs.token, z.keys - key);
        commit_copies();
    };

    const int row = warp_row + lane / 4;
    float lse[2], delta[2];
    const long long statistics = (blockIdx.z * (long long)z.heads + head) * z.queries + first + row;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const bool inside = first + row + half * 8 < z.queries;
        lse[half] = inside ? backward.log_sum_exp[statistics + half * 8] * LOG2_E : 0.0f;
        delta[half] = inside ? backward.delta[statistics + half * 8] : 0.0f;
    }
    float sums[1][D / 8][4];
    clear(sums[0]);
    const float factor = scale * LOG2_E;
    load(0, 0);
    int stage = 0;
#pragma unroll 1
    for (int key = 0; key < seen; key += STEP) {
        wait_for_copies();
        __syncthreads();
        if (key + STEP < seen) load(key + STEP, stage ^ 1);
        const unsigned k_tile = memory + Room::FIRST_STAGE + stage * 2 * Room::STAGE, v_tile = k_tile + Room::STAGE;

        float p[1][STEP / 8][4], ds[1][STEP / 8][4];
        clear(p[0]);
        clear(ds[0]);
        multiply_rows<D, 1>(p, q_fragments, across_rows<D>(k_tile, 0));
        multiply_rows<D, 1>(ds, g_fragments, across_rows<D>(v_tile, 0));
        const bool all_visible = key + STEP - 1 <= shift + first + warp_row;
        const int sight = shift + first + row - key - lane % 4 * 2;
#pragma unroll
        for (int n = 0; n < STEP / 8; n++) {
#pragma unroll
            for (int e = 0; e < 4; e++) {
                float x = exp2_approximate(fmaf(p[0][n][e], factor, -lse[e / 2]));
                if (!all_visible && n * 8 + e % 2 - e / 2 * 8 > sight) x = 0.0f;
                ds[0][n][e] = x * (ds[0][n][e] - delta[e / 2]);
            }
        }
#pragma unroll
        for (int n = 0; n < STEP / 16; n++) {
            unsigned fragment[1][4];
            pack_fragment(fragment[0], ds[0][2 * n], ds[0][2 * n + 1]);
            multiply_columns<D, 1>(sums, fragment, along_rows<D>(k_tile, n * 16));
        }
        stage ^= 1;
    }

    dq += (rows + row) * stride + head * D + lane % 4 * 2;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        if (first + row + half * 8 >= z.queries) break;
#pragma unroll
        for (int n = 0; n < D / 8; n++) {
            *reinterpret_cast<float2*>(dq + half * 8 * stride + n * 8) =
                    make_float2(scale * sums[0][n][2 * half], scale * sums[0][n][2 * half + 1]);
        }
    }
}

#define OPERANDS const __nv_bfloat16 *q, Strides qs, const __nv_bfloat16 *k, Strides ks, const __nv_bfloat16 *v, Strides vs
#define SIZES int queries, int keys, int heads, int groups, float scale
#define BACKWARD const __nv_bfloat16 *gradient, const float *log_sum_exp, const float *delta

#define ATTENTION(D)                                                                                                                             \
    extern "C" __global__ void __launch_bounds__(128, 2) attention_##D##_bf16(OPERANDS, __nv_bfloat16* out, float* log_sum_exp, SIZES) {         \
        forward<D>(q, qs, k, ks, v, vs, out, log_sum_exp, {queries, keys, heads, groups}, scale);                                                \
    }                                                                                                                                            \
    extern "C" __global__ void __launch_bounds__(256) attention_delta_##D##_bf16(const float* gradient, const __nv_bfloat16* out,                \
            __nv_bfloat16* rounded, float* delta, long long rows, int queries, int heads) {                                                      \
        gradient_dot_out<D>(gradient, out, rounded, delta, rows, queries, heads);                                                                \
    }                                                                                                                                            \
    BACKWARD_OF(D, 4)                                                                                                                            \
    BACKWARD_OF(D, 8)

// 8 warps per block where its shared memory fits the device, else 4.
#define BACKWARD_OF(D, WARPS)                                                                                                                    \
    extern "C" __global__ void __launch_bounds__(WARPS * 32, 1) attention_dkv_##D##_warps_##WARPS##_bf16(OPERANDS, BACKWARD, float* dk,          \
            float* dv, SIZES) {                                                                                                                  \
        key_gradient<D, WARPS>(q, qs, k, ks, v, vs, {gradient, log_sum_exp, delta}, dk, dv, {queries, keys, heads, groups}, scale);              \
    }                                                                                                                                            \
    extern "C" __global__ void __launch_bounds__(WARPS * 32, 1) attention_dq_##D##_warps_##WARPS##_bf16(OPERANDS, BACKWARD, float* dq, SIZES) {  \
        query_gradient<D, WARPS>(q, qs, k, ks, v, vs, {gradient, log_sum_exp, delta}, dq, {queries, keys, heads, groups}, scale);                \
    }
