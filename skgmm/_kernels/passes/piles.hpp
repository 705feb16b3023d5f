// Values that many samples share, beside others that hardly any do: zeros of a measurement, ends of
// a scale, fill values (`_rows/feature_scale.py`); and the cells that other shared values stand for.
#pragma once
#include <cstdint>

namespace skgmm {

// Whether there may be a pile among values (n,) in any order; if not, there is none.
bool may_have_pile(const double* values, std::int64_t n);

// The quartiles of a normal distribution are so many standard deviations apart.
constexpr double quartiles_apart = 1.34898;

// The width of the cell that a pile stands for, 0 where the samples next to it have one value too;
// and how far the next value is, 0 without a pile.
struct Piles {
    double width, gap;
};

// Of sorted values (n,), not all equal, each taken by `counts` samples, or by one if these are null.
Piles piles_of(const double* values, const double* counts, std::int64_t n);

// How many samples share a value, the width of the cell that it stands for (0 where there are too few
// other samples beside it), and how far the nearest other value is.
struct SharedValue {
    double count, width, gap;
};

// The one that most samples share between two bounds, among sorted values (n,); a count of 0 where
// there is none.
SharedValue shared_value(const double* values, const double* counts, std::int64_t n, double low,
                         double high);

}  // namespace skgmm
