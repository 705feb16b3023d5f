// A block of rows in memory. Included inside the namespace of one instruction set.

using std::int64_t;
constexpr int64_t W = SKGMM_WIDTH;
// Registers of lanes that the E-step takes together, and columns of a tile of the M-step: as many
// as leave a register for the factor (16 registers, or 32 of the widest).
constexpr int panel = W == 8 ? 4 : 2;
constexpr int columns = W == 8 ? 4 : 2;
// Features that the M-step takes together.
constexpr int features = W == 8 ? 2 * tile : tile;

inline int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }
inline double larger_of(double a, double b) { return a < b ? b : a; }

// Lanes for so many rows, whole registers.
inline int64_t lanes_for(int64_t n_rows) {
    const int64_t whole = panel * W;
    return (n_rows + whole - 1) / whole * whole;
}

// Rows to a block, fewer when there are fewer. Each sum over the rows of a block ends by adding up
// the lanes of a register, so blocks are long even where they no longer fit the first cache.
inline int64_t block_rows(int64_t n_rows) { return at_most(W == 8 ? 256 : 128, lanes_for(n_rows)); }

// Memory of a thread for its blocks, kept because zeroing it takes as long as a pass over few rows.
// At least so many numbers, from an address for the widest registers.
inline double* memory_of_thread(int64_t size) {
    thread_local std::vector<double> memory;
    if (int64_t(memory.size()) < size + 8) memory.resize(size + 8, 0.0);
    return aligned(memory.data());
}

// Memory for one block; a thread has no more than one. All arrays are (.., stride), and there is
// memory after each of them: tiles of columns may reach beyond the last.
class Workspace {
public:
    Workspace(const Mixture& mixture, int64_t n_rows)
        : capacity(block_rows(n_rows)), stride(capacity + 8) {
        const int64_t K = mixture.n_components, d = mixture.n_features;
        const int64_t own = mixture.linear ? d : 0;
        x = memory_of_thread((3 * d + 2 * own + features + 8 + columns + K) * stride + K + d);
        centred = x + d * stride;
        squared = centred + d * stride;  // both are the terms of a linear mixture
        whitened = squared + own * stride;
        scaled = whitened + (own + columns) * stride;
        gathered = scaled + features * stride;
        weight = gathered + d * stride;
        peak = weight + stride;
        density = peak + stride;
        base = density + stride;
        offset = base + stride;
        counted = offset + stride;
        log_joint = counted + stride;
        which = reinterpret_cast<int32_t*>(log_joint + K * stride);
        totals = log_joint + (K + 1) * stride;
    }
    const int64_t capacity, stride;
    int64_t rows = 0;    // of the block that is in, rounded up to whole registers
    bool plain = false;  // whether all weights are 1, or 0
    bool far = false;    // whether `offset` is to be added to the peaks
    int32_t* which;      // rows that are gathered
    double* totals;      // numbers to a component or to a feature
    double *x, *centred, *gathered, *squared, *whitened, *scaled, *weight, *peak, *density, *base,
        *offset, *counted, *log_joint;
};

// One row into its lane.
template <typename T>
void read_row(const T* row, int64_t column_stride, int64_t d, int64_t stride, double* lane) {
    for (int64_t j = 0; j < d; ++j) lane[j * stride] = static_cast<double>(row[j * column_stride]);
}

// W rows into their lanes: squares of W features where a row lies side by side, registers where a
// feature does, else a number at a time.
template <typename T>
void read_rows(const Rows<T>& in, int64_t first, int64_t stride, double* lanes) {
    const int64_t d = in.n_features, step = in.row_stride;
    const T* rows = in.data + first * step;
    int64_t j = 0;
    if (in.column_stride == 1) {
        for (; j + W <= d; j += W) transpose_square(rows + j, step, W, stride, lanes + j * stride);
        // The rest in a square too: one that begins earlier, or runs on into the rows that follow.
        if (j < d && d >= W) {
            j = d - W;
            return transpose_square(rows + j, step, W, stride, lanes + j * stride);
        }
        if (j < d && step == d && (first + W) * d + W <= in.n_samples * d)
            return transpose_square(rows, step, d, stride, lanes);
    }
    for (; j < d; ++j) {
        const T* column = rows + j * in.column_stride;
        Lanes x;
        if (step == 1)
            x = load_any(column);
        else
            SKGMM_UNROLL for (int i = 0; i < W; ++i) x[i] = static_cast<double>(column[i * step]);
        store(lanes + j * stride, x);
    }
}

// Weights of the rows first .. first + count, and 0 in lanes without a row. Whether all are
// positive.
template <typename T>
bool read_weights(const Rows<T>& in, int64_t first, int64_t count, Workspace& w) {
    std::fill(w.weight, w.weight + count, 1.0);
    std::fill(w.weight + count, w.weight + w.rows, 0.0);
    w.plain = true;
    if (!in.weight) return true;
    bool positive = true, plain = true;
    for (int64_t lane = 0; lane < count; ++lane) {
        const double own = w.weight[lane] = in.weight[first + lane];
        positive &= own > 0.0;
        plain &= (own == 0.0) | (own == 1.0);
    }
    w.plain = plain;
    return positive;
}

// Rows first .. first + count transposed to x (d, rows). Lanes without a row, or with a row of
// weight 0, get `filler`, a point where the density is positive, and weight 0.
template <typename T>
void read_block(const Rows<T>& in, int64_t first, int64_t count, const double* filler,
                Workspace& w) {
    const int64_t d = in.n_features;
    w.rows = lanes_for(count);
    int64_t n_read = 0;  // whole registers in which no lane needs the filler
    if (read_weights(in, first, count, w))
        for (; n_read + W <= count; n_read += W)
            read_rows(in, first + n_read, w.stride, w.x + n_read);
    int64_t end = w.rows;  // before registers without a row
    for (; end - W >= count; end -= W)
        for (int64_t j = 0; j < d; ++j) store(w.x + j * w.stride + end - W, spread(filler[j]));
    for (int64_t lane = n_read; lane < end; ++lane) {
        if (w.weight[lane] > 0.0)
            read_row(in.data + (first + lane) * in.row_stride, in.column_stride, d, w.stride,
                     w.x + lane);
        else
            read_row(filler, 1, d, w.stride, w.x + lane);
    }
}
