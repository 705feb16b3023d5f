// M-steps of the built-in structures: the covariances that maximise the ECLL.
#pragma once
#include <string>
#include <vector>

#include "block/kernel.hpp"

namespace skgmm {

// What an M-step is given: second moments about the means, reg_covar included, in the structure's
// form. A component without mass adds nothing to what is shared, and keeps the parts that are its
// own: so its `own_scatter` is its previous covariance, with `own_mass` 1.
struct MStepStatistics {
    std::int64_t n_components, n_features;
    const double* mass;  // (K,)
    double total;        // of the mass
    const double* scatter;
    const double* own_mass;     // (K,), positive
    const double* own_scatter;  // as scatter

    bool filled(std::int64_t k) const { return mass[k] > 0.0; }
};

// Factors of the covariances before; null where there are none.
struct Previous {
    Factor form = Factor::diagonal;
    std::int64_t n_factors = 0;
    const double* factors = nullptr;
};

// What it finds: factors of the precisions and, of structures whose components share their axes,
// also these (d, d). They hold axes to improve, or those to take as they are.
struct Estimated {
    double *factors, *axes;
    bool improve_axes;
};

// Thrown where covariances are not positive definite.
struct IllDefined {
    std::vector<std::int64_t> components;
};

using MStepOf = void(const MStepStatistics&, const Previous&, const Estimated&);
using MStep = MStepOf*;

// A structure by its code of volume, shape and orientation.
struct Family {
    const char* code;
    Form form;      // of the scatter
    Factor factor;  // of the precisions
    bool one;       // factor for all components
    bool axes;      // are shared
    MStep m_step;
};

// The M-step from moments, as sums: weights (K,), means and factors. False where it fails.
bool maximise(const Family& family, std::int64_t K, std::int64_t d, const double* moments,
              const Previous& previous, double* weights, double* means, const Estimated& out);

// Null without such a structure.
const Family* find_family(const std::string& code);

}  // namespace skgmm
