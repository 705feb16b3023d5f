#pragma once

#include <cstdint>
#include <vector>

namespace skgmm {

// Samples by their group, 0 to K - 1, each group in the order of the samples.
struct GroupOrder {
    template <typename Group>
    GroupOrder(std::int64_t n, std::int64_t K, const Group& group_of) : samples(n), ends(K + 1, 0) {
        for (std::int64_t i = 0; i < n; ++i) ++ends[group_of(i) + 1];
        for (std::int64_t k = 0; k < K; ++k) ends[k + 1] += ends[k];
        for (std::int64_t i = 0; i < n; ++i) samples[ends[group_of(i)]++] = i;
    }

    std::vector<std::int64_t> samples, ends;  // and where each group ends among them
};

}  // namespace skgmm
