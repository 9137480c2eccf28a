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
constexpr int MOST_SEQUENCES = 8;
struct Sequences {
    long long count;
    const void *q[MOST_SEQUENCES], *k[MOST_SEQUENCES], *v[MOST_SEQUENCES];
    long long keys[MOST_SEQUENCES];
};
struct Places {
    long long count;
    void *keys[MOST_SEQUENCES], *values[MOST_SEQUENCES];
};
