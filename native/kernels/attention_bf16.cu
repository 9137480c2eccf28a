// Causal grouped-query attention on tensor cores, bf16 in and f32 sums, after FlashAttention-2 (Dao 2023, arXiv 2307.08691).
//
// Forward: a block owns 128 queries of a head, each of its 4 warps 32 of them, and walks over the keys they see in blocks of 64, from the first key on,
// so that a query's sums do not depend on which queries share its block. Scores, probabilities and the output stay in registers; keys and values take
// turns in shared memory, each loaded while the other is used:
//
//     keys n there | load values n | s = q k^T | values n there | softmax | load keys n + 1 | out += p v
#include "heads.cuh"
#include "tensor_cores.cuh"

constexpr int STEP = 64; // rows of the other side in one step
constexpr float LOG2_E = 1.4426950408889634f;

extern __shared__ __align__(256) unsigned char tiles[];

// c[m][n] += a b^T: a is MS x 16 rows of D of one tile, b the STEP rows of another.
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

// c += a b for 16 of the STEP rows of b, D columns.
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
    const int first = (gridDim.x - 1 - blockIdx.x) * ROWS; // those that see most keys first
    const int head = blockIdx.y, group = head / (z.heads / z.groups);
    const int shift = z.keys - z.queries;
    const int seen = min(z.keys, shift + first + ROWS);
    // The last key that the warp's first query sees.
    const int seen_by_warp = shift + first + warp_row;
    q += blockIdx.z * qs.batch + head * qs.head;
    k += blockIdx.z * ks.batch + group * ks.head;
    v += blockIdx.z * vs.batch + group * vs.head;

    const unsigned q_tile = shared_address(tiles), k_tile = q_tile + ROWS * Tile<D>::PITCH, v_tile = k_tile + STEP * Tile<D>::PITCH;
    const unsigned q_fragments = along_rows<D>(q_tile, warp_row), k_fragments = across_rows<D>(k_tile, 0), v_fragments = along_rows<D>(v_tile, 0);
    copy_tile<D, ROWS, THREADS>(q_tile, q + first * qs.token, qs.token, z.queries - first);
    copy_tile<D, STEP, THREADS>(k_tile, k, ks.token, z.keys);
    commit_copies();

    float sums[MS][D / 8][4], max[MS][2], total[MS][2]; // by row: g and g + 8 of each 16
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
            // The lane's first element is column 2t of row g; this is how far row g sees from there.
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
                // Each query sees key 0, so from the first step on the maximum is finite.
                larger = row_max(larger);
                const float rescale = exp2_approximate((max[m][half] - larger) * factor), offset = larger * factor;
                max[m][half] = larger;
                total[m][half] *= rescale;
#pragma unroll
                for (int n = 0; n < D / 8; n++) sums[m][n][2 * half] *= rescale, sums[m][n][2 * half + 1] *= rescale;
#pragma unroll
                for (int n = 0; n < STEP / 8; n++) {
#pragma unroll
                    for (int e = 2 * half; e < 2 * half + 2; e++) {
                        s[m][n][e] = exp2_approximate(fmaf(s[m][n][e], factor, -offset));
                        total[m][half] += s[m][n][e];
                    }
                }
            }
        }
        // Not before: the addresses find no registers beside the scores.
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

    // The warp's rows of q are not needed any more: the result passes through them, to be written by 16 bytes.
    unsigned char* const rows = tiles;
    log_sum_exp += (blockIdx.z * (long long)z.heads + head) * z.queries;
#pragma unroll
    for (int m = 0; m < MS; m++) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const int row = warp_row + m * 16 + half * 8 + lane / 4;
            const float sum = row_sum(total[m][half]), inverse = 1.0f / sum;
            if (lane % 4 == 0 && first + row < z.queries) log_sum_exp[first + row] = max[m][half] * scale + logf(sum);
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

#define OPERANDS const __nv_bfloat16 *q, Strides qs, const __nv_bfloat16 *k, Strides ks, const __nv_bfloat16 *v, Strides vs
#define SIZES int queries, int keys, int heads, int groups, float scale

#define FORWARD(D)                                                                                                                               \
    extern "C" __global__ void __launch_bounds__(128, 2) attention_##D##_bf16(OPERANDS, __nv_bfloat16* out, float* log_sum_exp, SIZES) {         \
        forward<D>(q, qs, k, ks, v, vs, out, log_sum_exp, {queries, keys, heads, groups}, scale);                                                \
    }

FORWARD(64)
FORWARD(80)
FORWARD(96)
FORWARD(128)
