// Tensors [batch, token, head, D] with unit stride along D.
#pragma once

// Strides in elements.
struct Strides {
    long long batch, token, head;
};

// Sizes of causal grouped-query attention. Query t attends to keys 0 to keys - queries + t. groups is the number of key and value heads; query head h
// uses key and value head h / (heads / groups).
struct AttentionSizes {
    int queries, keys, heads, groups;
};

// Operands of several sequences that do not lie at the strides of a batch; none if count is 0.
constexpr int MAX_SEQUENCES = 8;
struct Sequences {
    long long count;
    const void *q[MAX_SEQUENCES], *k[MAX_SEQUENCES], *v[MAX_SEQUENCES];
    long long keys[MAX_SEQUENCES];
};
struct Places {
    long long count;
    void *keys[MAX_SEQUENCES], *values[MAX_SEQUENCES];
};
