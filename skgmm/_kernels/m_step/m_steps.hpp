// Covariances that maximise the ECLL within a family, near those of the iteration before.
#pragma once
#include <string>
#include <vector>

#include "block/kernel.hpp"

namespace skgmm {

// What an M-step is given: every component has rows, and `scatter` (K, d, d), (K, d) or (d, d)
// includes reg_covar.
struct Spread {
    std::int64_t n_components, n_features;
    const double* mass;  // (K,)
    double total;
    const double* scatter;
};

// What it finds: factors of the precisions, and of the families whose components share their axes
// also these (d, d). Both hold those of the iteration before.
struct Estimated {
    double *factors, *axes;
};

// False where covariances are not positive definite, and more has to be found out.
using Estimate = bool (*)(const Spread&, const Estimated&);

// A family by its code of volume, shape and orientation.
struct Family {
    const char* code;
    Form form;      // of the scatter
    Factor factor;  // of the precisions
    bool one;       // factor for all components
    bool axes;      // are shared
    Estimate estimate;
};

// Null without such a family.
const Family* find_family(const std::string& code);

}  // namespace skgmm
