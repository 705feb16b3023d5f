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

// Part of `entries` rows in registers.
struct Tile {
    void load(const double* rows, int64_t stride) {
        SKGMM_UNROLL for (int r = 0; r < entries; ++r) SKGMM_UNROLL for (int v = 0; v < panel; ++v)
            a[r][v] = load_any(rows + r * stride + v * W);
    }

    void store(double* rows, int64_t stride) const {
        SKGMM_UNROLL for (int r = 0; r < entries; ++r) SKGMM_UNROLL for (int v = 0; v < panel; ++v)
            store_any(rows + r * stride + v * W, a[r][v]);
    }

    // Another row, times a factor for each of these, which lie so many numbers apart.
    void subtract(const double* row, const double* factors, int64_t apart) {
        Lanes own[panel];
        SKGMM_UNROLL for (int v = 0; v < panel; ++v) own[v] = load_any(row + v * W);
        SKGMM_UNROLL for (int r = 0; r < entries; ++r) {
            const Lanes factor = spread(factors[r * apart]);
            SKGMM_UNROLL for (int v = 0; v < panel; ++v) a[r][v] = a[r][v] - factor * own[v];
        }
    }

    void scale(int r, double factor) {
        SKGMM_UNROLL for (int v = 0; v < panel; ++v) a[r][v] = a[r][v] * spread(factor);
    }

    void subtract_row(int r, int s, double factor) {
        SKGMM_UNROLL for (int v = 0; v < panel; ++v) a[r][v] = a[r][v] - spread(factor) * a[s][v];
    }

    double at(int r, int j) const { return a[r][j / W][j % W]; }

    Lanes a[entries][panel];
};

// One upper triangle (d, d): the matrix, then Cholesky's factor, then its inverse. `entries` rows
// are computed together, and what is after the last row and column is 0.
class Triangle {
public:
    explicit Triangle(int64_t d)
        : d(d),
          stride((d + W - 1) / W * W + across),
          rows(memory_of_thread((d + 2 * entries) * stride)),
          factors(rows + (d + entries) * stride) {}

    void read(const double* matrix) {
        for (int64_t i = 0; i < d; ++i) {
            double* own = row(i);
            std::fill(own + (i > across ? i - across : 0), own + i, 0.0);
            std::copy(matrix + i * (d + 1), matrix + (i + 1) * d, own + i);
            std::fill(own + d, own + stride, 0.0);
        }
        std::fill(row(d), row(d + entries), 0.0);
    }

    void write(double scale, double* out) const {
        for (int64_t i = 0; i < d; ++i) {
            std::fill(out + i * d, out + i * d + i, 0.0);
            for (int64_t j = i; j < d; ++j) out[i * d + j] = scale * rows[i * stride + j];
        }
    }

    // Rows i, i + 1 .. of Cholesky's factor, with the inverses of its diagonal entries. Whether each
    // of their squares exceeds this part of the matrix's own entry.
    bool eliminate(int64_t i, double part) {
        bool positive = true;
        double least[entries], inverse[entries] = {}, of_rows[entries][entries];
        for (int r = 0; r < entries; ++r) least[r] = part * row(i + r)[i + r];
        for (int64_t j = i; j < d; j += across) {
            Tile tile;
            tile.load(row(i) + j, stride);
            for (int64_t l = 0; l < i; ++l) tile.subtract(row(l) + j, row(l) + i, 1);
            SKGMM_UNROLL for (int r = 0; r < entries; ++r) {
                if (j == i && i + r < d) {
                    const double pivot = tile.at(r, r);
                    positive &= pivot - least[r] > 0.0;
                    inverse[r] = 1.0 / std::sqrt(pivot);
                }
                tile.scale(r, inverse[r]);
                SKGMM_UNROLL for (int s = r + 1; s < entries; ++s) {
                    if (j == i) of_rows[s][r] = tile.at(r, s);
                    tile.subtract_row(s, r, of_rows[s][r]);
                }
            }
            tile.store(row(i) + j, stride);
        }
        for (int r = 0; r < entries; ++r) row(i + r)[i + r] = inverse[r];
        return positive;
    }

    // Rows i, i + 1 .. of the inverse, after those that follow.
    void invert(int64_t i) {
        std::copy(row(i), row(i + entries), factors);
        for (int64_t j = i; j < d; j += across) {
            Tile tile{};
            if (j == i)
                SKGMM_UNROLL for (int r = 0; r < entries; ++r) tile.a[r][r / W][r % W] = 1.0;
            for (int64_t l = i + entries; l < at_most(d, j + across); ++l)
                tile.subtract(row(l) + j, factors + l, stride);
            SKGMM_UNROLL for (int r = entries - 1; r >= 0; --r) {
                const double* own = factors + r * stride + i;
                SKGMM_UNROLL for (int s = r + 1; s < entries; ++s)
                    tile.subtract_row(r, s, own[s]);
                tile.scale(r, own[r]);
            }
            tile.store(row(i) + j, stride);
        }
    }

private:
    static constexpr int64_t across = panel * W;  // columns of a tile

    double* row(int64_t i) { return rows + i * stride; }

    int64_t d, stride;
    double *rows, *factors;  // of the rows that are inverted
};

// Matrices of no more than so many features are computed in the lanes of registers, several at a
// time.
constexpr int64_t most_in_lanes = 30;

// Factors (m, d, d) of scatters (m, d, d) over masses (m,), and which of them (m,) have a pivot
// within rounding of zero. They may take the place of the scatters.
void factors(int64_t m, int64_t d, const double* scatters, const double* masses, double* out,
             char* singular) {
    const double rounding = 4.0 * double(d) * std::numeric_limits<double>::epsilon();
    if (d > most_in_lanes) {
        Triangle triangle(d);
        for (int64_t k = 0; k < m; ++k) {
            triangle.read(scatters + k * d * d);
            bool positive = true;
            for (int64_t i = 0; i < d; i += entries) positive &= triangle.eliminate(i, rounding);
            for (int64_t i = (d - 1) / entries * entries; i >= 0; i -= entries) triangle.invert(i);
            triangle.write(std::sqrt(masses[k]), out + k * d * d);
            singular[k] = !positive;
        }
        return;
    }
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
