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
