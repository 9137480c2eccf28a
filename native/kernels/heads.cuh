// Tensors [batch, token, head, D] with unit stride along D.
#pragma once

// Elements from one batch, token and head to the next.
struct Strides {
    long long batch, token, head;
};

// The sizes of causal grouped-query attention: query t sees keys 0 to keys - queries + t; query head h reads key and value head h / (heads / groups).
struct AttentionSizes {
    int queries, keys, heads, groups;
};
