// Factors of the precisions of W matrices at a time, one to a lane. Included inside the namespace
// of one instruction set.

// Entries of a row that are computed together.
constexpr int64_t entries = 4;

// Upper triangles (d, d) of a register to an entry: matrices, then Cholesky's factors, then their
// inverses.
class Triangles {
public:
    explicit Triangles(int64_t d) : d(d), memory(memory_of_thread(at(d, d + entries))) {}

    // Lanes beyond `count` repeat the first.
    void read(const double* matrices, int64_t count) {
        for (int64_t i = 0; i < d; ++i)
            for (int64_t j = i; j < d; ++j) {
                const double* entry = matrices + i * d + j;
                set(i, j, spread(*entry));
                for (int64_t lane = 1; lane < count; ++lane)
                    memory[at(i, j) + lane] = entry[lane * d * d];
            }
    }

    void write(double scale, int64_t lane, double* out) const {
        for (int64_t i = 0; i < d; ++i) {
            std::fill(out + i * d, out + i * d + i, 0.0);
            for (int64_t j = i; j < d; ++j) out[i * d + j] = scale * memory[at(i, j) + lane];
        }
    }

    // Row i of Cholesky's factor, with the inverse of its diagonal entry. By how much its square
    // exceeds this part of the matrix's own entry.
    Lanes eliminate(int64_t i, double part) {
        const Lanes least = spread(part) * own(i, i);
        for (int64_t j = i; j < d; j += entries) {
            Lanes a[entries];
            SKGMM_UNROLL for (int r = 0; r < entries; ++r) a[r] = own(i, j + r);
            for (int64_t l = 0; l < i; ++l) {
                const Lanes factor = held(own(l, i));
                SKGMM_UNROLL for (int r = 0; r < entries; ++r) a[r] = a[r] - factor * own(l, j + r);
            }
            SKGMM_UNROLL for (int r = 0; r < entries; ++r) if (j + r < d) set(i, j + r, a[r]);
        }
        const Lanes pivot = own(i, i), inverse = spread(1.0) / root_of(pivot);
        set(i, i, inverse);
        for (int64_t j = i + 1; j < d; ++j) set(i, j, own(i, j) * inverse);
        return pivot - least;
    }

    // Column j of the inverse, after those before.
    void invert(int64_t j) {
        const Lanes inverse = spread(0.0) - own(j, j);
        for (int64_t i = 0; i < j; i += entries) {
            Lanes a[entries] = {};
            int64_t l = i;
            for (; l < at_most(i + entries - 1, j); ++l)
                SKGMM_UNROLL for (int r = 0; r < entries; ++r) if (i + r <= l) a[r] +=
                    own(i + r, l) * own(l, j);
            for (; l < j; ++l) {
                const Lanes factor = held(own(l, j));
                SKGMM_UNROLL for (int r = 0; r < entries; ++r) a[r] += own(i + r, l) * factor;
            }
            SKGMM_UNROLL for (int r = 0; r < entries; ++r) if (i + r < j)
                set(i + r, j, a[r] * inverse);
        }
    }

private:
    static Lanes root_of(Lanes x) {
        SKGMM_UNROLL for (int lane = 0; lane < W; ++lane) x[lane] = std::sqrt(x[lane]);
        return x;
    }
    int64_t at(int64_t i, int64_t j) const { return (i * (2 * d - i - 1) / 2 + j) * W; }
    Lanes own(int64_t i, int64_t j) const { return load(memory + at(i, j)); }
    void set(int64_t i, int64_t j, Lanes value) { store(memory + at(i, j), value); }

    int64_t d;
    double* memory;
};

// Factors (m, d, d) of scatters (m, d, d) over masses (m,), and which of them (m,) have a pivot
// within rounding of zero.
void factors(int64_t m, int64_t d, const double* scatters, const double* masses, double* out,
             char* singular) {
    const double rounding = 4.0 * double(d) * std::numeric_limits<double>::epsilon();
    Triangles triangles(d);
    for (int64_t first = 0; first < m; first += W) {
        const int64_t count = at_most(W, m - first);
        triangles.read(scatters + first * d * d, count);
        std::fill(singular + first, singular + first + count, char(0));
        for (int64_t i = 0; i < d; ++i) {
            const Lanes left = triangles.eliminate(i, rounding);
            for (int64_t lane = 0; lane < count; ++lane)
                singular[first + lane] |= !(left[lane] > 0.0);
        }
        for (int64_t j = 1; j < d; ++j) triangles.invert(j);
        for (int64_t lane = 0; lane < count; ++lane)
            triangles.write(std::sqrt(masses[first + lane]), lane, out + (first + lane) * d * d);
    }
}
