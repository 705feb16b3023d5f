// Squares of WIDTH x WIDTH numbers, transposed. Included inside the namespace of one instruction
// set.

// Numbers side by side at any address.
inline Lanes load_any(const double* from) {
    Lanes x;
    std::memcpy(&x, from, sizeof x);
    return x;
}
inline void store_any(double* to, Lanes value) { std::memcpy(to, &value, sizeof value); }
inline Lanes load_any(const float* from) {
    Lanes x;
    SKGMM_UNROLL for (int i = 0; i < SKGMM_WIDTH; ++i) x[i] = static_cast<double>(from[i]);
    return x;
}

// A register from an expression of the lane's number, in one piece, of which compilers make a
// shuffle.
#if SKGMM_WIDTH == 8
#define SKGMM_LANES(at) \
    Lanes { at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7) }
#elif SKGMM_WIDTH == 4
#define SKGMM_LANES(at) \
    Lanes { at(0), at(1), at(2), at(3) }
#else
#define SKGMM_LANES(at) \
    Lanes { at(0), at(1) }
#endif
#define SKGMM_UPPER(i) ((i) & S ? b[((i) - S) & (SKGMM_WIDTH - 1)] : a[i])
#define SKGMM_LOWER(i) ((i) & S ? b[i] : a[((i) + S) & (SKGMM_WIDTH - 1)])

// One step: in each square of 2 S x 2 S numbers, the two quarters off the diagonal change places.
template <int S>
void exchange(Lanes (&x)[SKGMM_WIDTH]) {
    SKGMM_UNROLL for (int r = 0; r < SKGMM_WIDTH; ++r) {
        if (r & S) continue;
        const Lanes a = x[r], b = x[r + S];
        x[r] = SKGMM_LANES(SKGMM_UPPER);
        x[r + S] = SKGMM_LANES(SKGMM_LOWER);
    }
}

#undef SKGMM_LANES
#undef SKGMM_UPPER
#undef SKGMM_LOWER

// The first `count` columns of WIDTH rows of WIDTH numbers side by side, `stride` apart.
template <typename T>
void transpose_square(const T* from, std::int64_t row_stride, std::int64_t count,
                      std::int64_t stride, double* out) {
    Lanes x[SKGMM_WIDTH];
    SKGMM_UNROLL for (int i = 0; i < SKGMM_WIDTH; ++i) x[i] = load_any(from + i * row_stride);
    if constexpr (SKGMM_WIDTH >= 8) exchange<4>(x);
    if constexpr (SKGMM_WIDTH >= 4) exchange<2>(x);
    exchange<1>(x);
    SKGMM_UNROLL for (int i = 0; i < SKGMM_WIDTH; ++i) {
        if (i == count) return;
        store(out + i * stride, x[i]);
    }
}
